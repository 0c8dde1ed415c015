//! `executor = "sql_sensor"`: waits until a query gives a row. It only reads, in a read-only transaction.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use noctule_executor::{
    Attempt, AttemptKey, Call, Capabilities, Connection, Context, Draft, Executor, ExecutorError,
    Finding, Finished, Outcome, Problem, Recovery, Request, Span, Status, Wait,
};

use crate::error::PostgresError;
use crate::pool::{Databases, Purpose};
use crate::query::{bounds, check_params, question_timeout};
use crate::session::{Access, Session};
use crate::settings::Settings;
use crate::{doctor, statement, waiting};

/// `executor = "sql_sensor"`.
#[derive(Debug, Clone, Default)]
pub struct SqlSensor {
    databases: Databases,
}

/// `with` of `executor = "sql_sensor"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlSensorConfig {
    /// The connection of kind `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// A query with `$1`, `$2`, … for values.
    query: String,
    /// The values, in order, each taken as the type that its place asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    params: Vec<Value>,
    /// A condition of SQL over the columns of the query: only rows that meet it count. Default: every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// How long one look may take. Default: the connection's `statement_timeout`, else 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    /// More rows are a failure. Default 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_rows: Option<u64>,
    /// A larger answer is a failure. Default 4 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
    /// A channel whose notifications make the next look immediate, while the task waits with `block`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Not asked again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    poll_after: Option<Span>,
}

impl SqlSensorConfig {
    fn statement(&self) -> String {
        match &self.until {
            Some(until) => format!(
                "SELECT row.* FROM {} WHERE ({until}\n)",
                statement::as_table(&self.query)
            ),
            None => self.query.clone(),
        }
    }
}

/// What is waited for, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlSensorHandle {
    key: AttemptKey,
    config: SqlSensorConfig,
}

impl SqlSensor {
    /// The executor, over these sessions.
    #[must_use]
    pub fn new(databases: &Databases) -> Self {
        Self {
            databases: databases.clone(),
        }
    }

    /// Looks once for everybody, one after the other.
    async fn look(
        &self,
        context: &Context,
        handles: &[SqlSensorHandle],
    ) -> Vec<Result<Status, ExecutorError>> {
        let mut said = Vec::new();
        for handle in handles {
            context.budget.take(Call::Poll).await;
            match self.look_for(context, &handle.config).await {
                Ok(status) => said.push(Ok(status)),
                Err(error @ PostgresError::NotConnected(_)) => {
                    // Nobody else would get through.
                    said.resize(handles.len(), Err(error.of_poll()));
                    return said;
                }
                Err(error) => {
                    let ended = |outcome| Status::Finished(Finished::now(outcome));
                    said.push(error.of_sensor().map(ended));
                }
            }
        }
        said
    }

    async fn look_for(
        &self,
        context: &Context,
        config: &SqlSensorConfig,
    ) -> Result<Status, PostgresError> {
        let pool = self.databases.of(context).await?;
        let timeout = question_timeout(
            config.timeout,
            pool.settings.statement_timeout,
            pool.pacing.question,
        );
        let purpose = Purpose::Question;
        let mut session = Session::begin(&pool, purpose, Access::ReadOnly, Some(timeout)).await?;
        let bounds = bounds(config.max_rows, config.max_bytes);
        let answer = session
            .ask(&config.statement(), &config.params, bounds)
            .await;
        session.roll_back().await;
        let rows = answer?;
        let Some(first) = rows.rows.first().cloned() else {
            return Ok(Status::Running {
                started_at: None,
                poll_after: config.poll_after.map(|span| span.0),
            });
        };
        let output = json!({ "row": first, "rows": rows.rows, "row_count": rows.rows.len() });
        Ok(Status::Finished(Finished::now(Outcome::Succeeded {
            output,
        })))
    }
}

#[async_trait]
impl Executor for SqlSensor {
    const KIND: &'static str = "sql_sensor";
    type Config = SqlSensorConfig;
    type Handle = SqlSensorHandle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: false,
            logs: false,
            sensor: true,
            holds: false,
            hints: true,
            default_wait: Wait::Poll,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        let mut found = Vec::new();
        statement::check(with, &["query"], &mut found);
        statement::condition(with, &["until"], &mut found);
        check_params(with, &["params"], &mut found);
        found
    }

    fn request(
        &self,
        attempt: &Attempt<SqlSensorConfig>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Settings::of(connection)?;
        let config = &attempt.config;
        Ok(Request(json!({
            "wait_for": config.statement(),
            "params": config.params,
            "channel": config.channel,
            "timeout": config.timeout,
        })))
    }

    async fn launch(
        &self,
        _context: &Context,
        attempt: &Attempt<SqlSensorConfig>,
        _request: &Request,
    ) -> Result<SqlSensorHandle, ExecutorError> {
        Ok(SqlSensorHandle {
            key: attempt.key.clone(),
            config: attempt.config.clone(),
        })
    }

    async fn adopt(
        &self,
        _context: &Context,
        _attempt: &Attempt<SqlSensorConfig>,
        _request: &Request,
    ) -> Result<Option<SqlSensorHandle>, ExecutorError> {
        Ok(None)
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[SqlSensorHandle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let deadline = Instant::now().checked_add(patience);
        let channels = handles
            .iter()
            .map(|handle| handle.config.channel.as_deref());
        let mut wait = waiting::Waiting::new(&self.databases, channels, deadline);
        loop {
            wait.hear(context).await;
            let said = self.look(context, handles).await;
            if waiting::is_news(&said) || !wait.goes_on().await {
                return said;
            }
        }
    }

    async fn cancel(
        &self,
        _context: &Context,
        _handle: &SqlSensorHandle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }

    fn public_handle(&self, handle: &SqlSensorHandle) -> Value {
        json!({ "waits_for": handle.config.statement() })
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        doctor::findings(&self.databases, context, configs).await
    }
}
