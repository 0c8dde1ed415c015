//! The event source `postgres`: each row of a query is an occasion, named by one of its columns.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use noctule_executor::{
    Call, Context, Draft, EventSource, ExecutorError, Leaf, Listener, Occasion, Problem, Span, Text,
};

use crate::error::PostgresError;
use crate::listening::Hints;
use crate::pool::{Databases, Pool, Purpose};
use crate::query::{check_params, question_timeout};
use crate::rows::Bounds;
use crate::session::{Access, Session};
use crate::statement;

/// Occasions of one look.
const MOST: usize = 1_000;
/// Between two looks, unless the table says otherwise. Also how long a hint is waited for.
const EVERY: Duration = Duration::from_secs(30);
/// A burst of notifications is one reason to look.
const BURST: Duration = Duration::from_millis(10);

/// `[trigger.postgres]`.
#[derive(Clone, Default)]
pub struct PostgresTrigger {
    databases: Databases,
    ears: Arc<Mutex<HashMap<String, Ear>>>,
}

/// The hints of one trigger, kept between two waits: what is notified during a look is not missed.
#[derive(Clone)]
struct Ear {
    of: Weak<Pool>,
    hints: Arc<tokio::sync::Mutex<Hints>>,
}

impl fmt::Debug for PostgresTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresTrigger")
    }
}

/// The table `[trigger.postgres]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTriggerConfig {
    /// The connection of kind `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// A query whose every row is an occasion; its columns are parameters of the run. At most 1,000 rows are taken from
    /// a look, so it should leave out what has been dealt with.
    query: String,
    /// The values of `$1`, `$2`, … in the query.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    params: Vec<Value>,
    /// The column that names the occasion: one run for each of its values, ever.
    key: String,
    /// A channel whose notifications make the next look immediate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Between two looks. Default 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<Span>,
    /// How long one look may take. Default: the connection's `statement_timeout`, else 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
}

impl PostgresTrigger {
    /// The source, over these sessions.
    #[must_use]
    pub fn new(databases: &Databases) -> Self {
        Self {
            databases: databases.clone(),
            ears: Arc::default(),
        }
    }

    /// The hints of a trigger, and whether they are new: then nothing is known of what was notified before.
    fn ear(&self, pool: &Arc<Pool>, channel: &str, config: &PostgresTriggerConfig) -> (Ear, bool) {
        let name = format!(
            "{} {channel} {} {:?}",
            pool.name, config.query, config.params
        );
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ear) = ears.get(&name)
            && ear.of.as_ptr() == Arc::as_ptr(pool)
        {
            return (ear.clone(), false);
        }
        ears.retain(|_, ear| ear.of.strong_count() > 0);
        let ear = Ear {
            of: Arc::downgrade(pool),
            hints: Arc::new(tokio::sync::Mutex::new(pool.hub.subscribe(channel))),
        };
        ears.insert(name, ear.clone());
        (ear, true)
    }

    async fn rows(
        &self,
        context: &Context,
        config: &PostgresTriggerConfig,
    ) -> Result<Vec<Map<String, Value>>, PostgresError> {
        let pool = self.databases.of(context).await?;
        let limit = question_timeout(
            config.timeout,
            pool.settings.statement_timeout,
            pool.pacing.question,
        );
        let purpose = Purpose::Question;
        let mut session = Session::begin(&pool, purpose, Access::ReadOnly, Some(limit)).await?;
        // One more than is taken tells that there are more.
        let query = format!(
            "SELECT row.* FROM {} LIMIT {}",
            statement::as_table(&config.query),
            MOST + 1
        );
        let rows = session.ask(&query, &config.params, Bounds::default()).await;
        session.roll_back().await;
        Ok(rows?.rows)
    }
}

fn occasion(row: Map<String, Value>, key: &str) -> Result<Occasion, PostgresError> {
    let named = row.get(key).ok_or_else(|| {
        PostgresError::config(format!(
            "the query gives no column `{key}`, which is to name the occasion"
        ))
    })?;
    let named = Text::of(named).filter(|text| !text.as_str().is_empty());
    let named = named.ok_or_else(|| {
        PostgresError::config(format!(
            "column `{key}`, which names the occasion, is empty in a row"
        ))
    })?;
    Ok(Occasion {
        key: named.0,
        params: row,
    })
}

#[async_trait]
impl EventSource for PostgresTrigger {
    const KIND: &'static str = "postgres";
    type Config = PostgresTriggerConfig;

    fn connection_kind(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn check(&self, table: &Draft<'_>) -> Vec<Problem> {
        let mut found = Vec::new();
        statement::check(table, &["query"], &mut found);
        check_params(table, &["params"], &mut found);
        if table.get(&["key"]) == Leaf::Given(&Value::from("")) {
            found.push(Problem::at(["key"], "no column names the occasion"));
        }
        found
    }

    async fn look(
        &self,
        context: &Context,
        config: &PostgresTriggerConfig,
    ) -> Result<Vec<Occasion>, ExecutorError> {
        context.budget.take(Call::Poll).await;
        let rows = self.rows(context, config).await;
        let mut rows = rows.map_err(PostgresError::of_poll)?;
        if rows.len() > MOST {
            tracing::warn!(
                "the query of a trigger gives more than {MOST} rows: {MOST} are taken now; let it leave out what was dealt with"
            );
            rows.truncate(MOST);
        }
        let occasions = rows.into_iter().map(|row| occasion(row, &config.key));
        let occasions: Result<_, _> = occasions.collect();
        occasions.map_err(PostgresError::of_poll)
    }

    async fn hint(&self, context: &Context, config: &PostgresTriggerConfig, patience: Duration) {
        let every = config.every.map_or(EVERY, |span| span.0);
        let until = Instant::now() + patience.min(every);
        let pool = match &config.channel {
            Some(_) => self.databases.of(context).await.ok(),
            None => None,
        };
        let pool = pool.filter(|pool| pool.settings.notifications);
        let Some((pool, channel)) = pool.zip(config.channel.as_ref()) else {
            return tokio::time::sleep_until(until).await;
        };
        let (ear, is_new) = self.ear(&pool, channel, config);
        if is_new {
            return;
        }
        let hint = async { ear.hints.lock().await.next().await };
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = hint => tokio::time::sleep(BURST).await,
        }
    }

    fn listeners(&self) -> Vec<Listener> {
        self.databases.listeners()
    }
}
