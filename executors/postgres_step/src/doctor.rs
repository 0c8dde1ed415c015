//! Whether this identity can reach the database, and whether the statements, tables and rights that the DAGs name are
//! there. Everything happens in read-only transactions; nothing is started.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use noctule_executor::{Context, Draft, Finding, Leaf};

use crate::error::PostgresError;
use crate::pool::{Databases, Pool, Purpose};
use crate::rows::Bounds;
use crate::session::{Access, Session};
use crate::statement;

/// Where statements may stand in a table.
const STATEMENTS: [&[&str]; 4] = [&["query"], &["statement"], &["watch", "query"], &["cancel"]];
/// Where a table may be named, and the rights that writing it needs.
const TABLES: [(&[&str], &str); 2] = [
    (&["insert", "table"], "INSERT, SELECT"),
    (&["update", "table"], "UPDATE, SELECT"),
];

/// A line for the connection, each statement and each table.
pub(crate) async fn findings(
    databases: &Databases,
    context: &Context,
    configs: &[Value],
) -> Vec<Finding> {
    let name = context.connection.as_ref().map(|c| c.name.as_str());
    let subject = format!("connection `{}`", name.unwrap_or_default());
    let pool = match databases.of(context).await {
        Ok(pool) => pool,
        Err(error) => return vec![bad(subject, &error)],
    };
    if let Err(error) = ask(&pool, "SELECT 1", &[]).await {
        return vec![bad(subject, &error)];
    }
    let mut findings = vec![good(subject, "can be reached, and lets us in")];
    for text in statements(configs) {
        findings.push(statement_finding(&pool, text).await);
    }
    for (table, right) in tables(configs) {
        findings.push(table_finding(&pool, table, right).await);
    }
    findings
}

fn good(subject: String, message: &str) -> Finding {
    Finding {
        good: true,
        subject,
        message: message.to_owned(),
    }
}

fn bad(subject: String, error: &PostgresError) -> Finding {
    Finding {
        good: false,
        subject,
        message: error.to_string(),
    }
}

fn given<'c>(config: &'c Value, path: &[&str]) -> Option<&'c str> {
    match Draft::new(config).get(path) {
        Leaf::Given(value) => value.as_str(),
        _ => None,
    }
}

fn statements(configs: &[Value]) -> BTreeSet<&str> {
    let of = |config| {
        STATEMENTS
            .iter()
            .filter_map(move |path| given(config, path))
    };
    configs.iter().flat_map(of).collect()
}

fn tables(configs: &[Value]) -> BTreeSet<(&str, &'static str)> {
    let of = |config| {
        TABLES
            .iter()
            .flat_map(move |(path, rights)| Some((given(config, path)?, *rights)))
    };
    let each = |(table, rights): (_, &'static str)| rights.split(", ").map(move |r| (table, r));
    configs.iter().flat_map(of).flat_map(each).collect()
}

async fn ask(
    pool: &Arc<Pool>,
    text: &str,
    params: &[Value],
) -> Result<Option<Value>, PostgresError> {
    let limit = Some(pool.pacing.question);
    let mut session = Session::begin(pool, Purpose::Question, Access::ReadOnly, limit).await?;
    let rows = session.ask(text, params, Bounds::default()).await;
    session.roll_back().await;
    let first = rows?.rows.into_iter().next();
    Ok(first
        .and_then(|row| row.into_iter().next())
        .map(|(_, value)| value))
}

async fn statement_finding(pool: &Arc<Pool>, text: &str) -> Finding {
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().take(60).collect();
    let subject = format!("statement `{shown}`");
    match Session::understands(pool, text).await {
        Ok(()) => good(subject, "is understood: its tables and columns exist"),
        Err(error) => bad(subject, &error),
    }
}

async fn table_finding(pool: &Arc<Pool>, table: &str, right: &str) -> Finding {
    let subject = format!("{right} on table `{table}`");
    let params = [statement::quoted(table).into(), right.into()];
    match ask(pool, "SELECT has_table_privilege($1, $2)", &params).await {
        Ok(Some(Value::Bool(true))) => good(subject, "is granted"),
        Ok(_) => Finding {
            good: false,
            subject,
            message: format!("is missing: GRANT {right} ON {table}"),
        },
        Err(error) => bad(subject, &error),
    }
}
