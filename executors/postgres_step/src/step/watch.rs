//! What is seen of the work: one query over its row, and the verdict on what that says.
//!
//! A row counts only while it carries the key of this attempt: what a service writes for another attempt, however late,
//! is not seen here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use noctule_executor::{AttemptKey, ErrorClass, Finished, Outcome, Span, Status};

use crate::statement::{as_table, column, quoted};

use super::config::{KEY, PostgresStepConfig};

/// Columns of ours beside those of the row.
const MARK: &str = "noctule_";
/// A message of a row is cut here; the output has it whole.
const MESSAGE: usize = 500;

/// How the row is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// The whole query.
    pub(crate) query: String,
    /// Its values, the attempt key in its places.
    pub(crate) params: Vec<Value>,
    /// The query takes a list of keys and shows all their rows.
    pub(crate) many: bool,
    /// The work exists from before its row is seen: a service was called.
    pub(crate) called: bool,
    /// How the row is named to people.
    pub(crate) place: String,
    pub(crate) poll_after: Option<Span>,
}

impl Watch {
    pub(crate) fn of(config: &PostgresStepConfig, key: &AttemptKey) -> Self {
        let table = config.insert.as_ref().map(|insert| &insert.table);
        let table = table.or(config.update.as_ref().map(|update| &update.table));
        let key_column = column(config.key_column());
        let (rows, params, many, place) = match (&config.watch, table) {
            (Some(watch), _) => {
                let params = with_key(&watch.params, key);
                (
                    watch.query.clone(),
                    params,
                    false,
                    "`watch.query`".to_owned(),
                )
            }
            (None, Some(table)) => {
                let rows = format!(
                    "SELECT * FROM {} WHERE {key_column} = ANY($1)",
                    quoted(table)
                );
                (rows, vec![json!([key])], true, format!("table `{table}`"))
            }
            (None, None) => (String::new(), Vec::new(), false, String::new()),
        };
        Self {
            query: whole_query(config, &rows, &key_column),
            params,
            many,
            called: config.call.is_some(),
            place,
            poll_after: config.poll_after,
        }
    }

    /// The verdict on the row of a key, if the answer has it.
    pub(crate) fn judge(&self, key: &AttemptKey, rows: &[Map<String, Value>]) -> Option<Status> {
        let ours = |row: &&Map<String, Value>| mark(row, "key") == Some(&json!(key));
        let mut ours = rows.iter().filter(ours);
        let row = ours.next()?;
        Some(verdict(row, self.poll_after))
    }

    /// What it means that no row carries the key.
    pub(crate) fn unseen(&self, key: &AttemptKey) -> Status {
        if self.called {
            return Status::Launching;
        }
        Status::Lost {
            reason: format!("{} has no row of attempt {key} any more", self.place),
        }
    }
}

/// The row, the key that it carries, and each condition, told by the server.
fn whole_query(config: &PostgresStepConfig, rows: &str, key_column: &str) -> String {
    let truth = |name: &str, condition: Option<&str>, otherwise: &str| {
        let condition = condition.unwrap_or(otherwise);
        format!(", (({condition}\n)) IS TRUE AS {MARK}{name}")
    };
    let message = config.message.as_deref().unwrap_or("NULL");
    [
        format!("SELECT row.*, row.{key_column}::text AS {MARK}key"),
        truth("done", Some(&config.done_when), "false"),
        truth("failed", config.failed_when.as_deref(), "false"),
        truth("cancelled", config.cancelled_when.as_deref(), "false"),
        truth("running", config.running_when.as_deref(), "true"),
        format!(
            ", ({message}\n)::text AS {MARK}message FROM {}",
            as_table(rows)
        ),
    ]
    .concat()
}

fn mark<'r>(row: &'r Map<String, Value>, name: &str) -> Option<&'r Value> {
    row.get(&format!("{MARK}{name}"))
}

fn verdict(row: &Map<String, Value>, poll_after: Option<Span>) -> Status {
    let holds = |name| mark(row, name) == Some(&Value::Bool(true));
    let output = || -> Value {
        let own = row.iter().filter(|(name, _)| !name.starts_with(MARK));
        own.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let ended = |outcome| Status::Finished(Finished::now(outcome));
    if holds("failed") {
        let said = mark(row, "message").and_then(Value::as_str);
        let said = said.map(|said| said.chars().take(MESSAGE).collect());
        let message: String = said.unwrap_or_else(|| "the row says that it failed".to_owned());
        return ended(Outcome::failed(ErrorClass::User, message, Some(output())));
    }
    if holds("cancelled") {
        let output = Some(output());
        return ended(Outcome::Cancelled { by: None, output });
    }
    if holds("done") {
        return ended(Outcome::Succeeded { output: output() });
    }
    if !holds("running") {
        return Status::Launching;
    }
    Status::Running {
        started_at: None,
        poll_after: poll_after.map(|span| span.0),
    }
}

/// Values with the attempt key in its places.
pub(crate) fn with_key(values: &[Value], key: &AttemptKey) -> Vec<Value> {
    values.iter().map(|value| keyed(value, key)).collect()
}

/// One value, or the key where it is meant.
pub(crate) fn keyed(value: &Value, key: &AttemptKey) -> Value {
    match value {
        Value::String(text) if text == KEY => json!(key),
        other => other.clone(),
    }
}
