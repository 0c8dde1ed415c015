//! `executor = "sql"` (or `"postgres"`): one statement, committed or not at all.
//!
//! The engine holds the line; a statement whose commit was sent and never answered is `unknown`, and everything else that
//! goes wrong is rolled back for sure.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{
    Attempt, AttemptKey, Call, Capabilities, Connection, Context, Draft, Executor, ExecutorError,
    Finding, Finished, Outcome, Problem, Recovery, Request, Status, Wait,
};

use crate::doctor;
use crate::error::PostgresError;
use crate::pool::{Databases, Purpose};
use crate::query::{self, SqlConfig};
use crate::rows::Rows;
use crate::session::{Access, Session};
use crate::settings::Settings;

/// `executor = "sql"`; as `ALIAS` the same under the name `postgres`.
#[derive(Debug, Clone, Default)]
pub struct OneStatement<const ALIAS: bool> {
    databases: Databases,
}

/// `executor = "sql"`.
pub type Sql = OneStatement<false>;
/// `executor = "postgres"`: the same.
pub type Postgres = OneStatement<true>;

/// The end of a statement that was committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlHandle {
    key: AttemptKey,
    output: Value,
}

impl<const ALIAS: bool> OneStatement<ALIAS> {
    /// The executor, over these sessions.
    #[must_use]
    pub fn new(databases: &Databases) -> Self {
        Self {
            databases: databases.clone(),
        }
    }

    async fn run(&self, context: &Context, config: &SqlConfig) -> Result<Rows, PostgresError> {
        let pool = self.databases.of(context).await?;
        let timeout = config.timeout.or(pool.settings.statement_timeout);
        let timeout = timeout.map(|span| span.0);
        let mut session = Session::begin(&pool, Purpose::Work, Access::Write, timeout).await?;
        let answer = session
            .ask(&config.query, &config.params, config.bounds())
            .await;
        match answer {
            Ok(rows) => session.commit().await.map(|()| rows),
            Err(error) => {
                session.roll_back().await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl<const ALIAS: bool> Executor for OneStatement<ALIAS> {
    const KIND: &'static str = if ALIAS { "postgres" } else { "sql" };
    type Config = SqlConfig;
    type Handle = SqlHandle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: false,
            cancel: false,
            logs: false,
            sensor: false,
            holds: false,
            hints: true,
            default_wait: Wait::Block,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Never
    }

    fn attached(&self, _with: &Draft<'_>) -> bool {
        true
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        query::problems(with)
    }

    fn request(
        &self,
        attempt: &Attempt<SqlConfig>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Settings::of(connection)?;
        Ok(Request(attempt.config.document()))
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<SqlConfig>,
        _request: &Request,
    ) -> Result<SqlHandle, ExecutorError> {
        context.budget.take(Call::Launch).await;
        let rows = Box::pin(self.run(context, &attempt.config)).await;
        let output = rows.map_err(PostgresError::of_launch)?.output();
        let key = attempt.key.clone();
        Ok(SqlHandle { key, output })
    }

    async fn adopt(
        &self,
        _context: &Context,
        _attempt: &Attempt<SqlConfig>,
        _request: &Request,
    ) -> Result<Option<SqlHandle>, ExecutorError> {
        // A statement leaves no mark that could be looked for.
        Ok(None)
    }

    async fn poll(
        &self,
        _context: &Context,
        handles: &[SqlHandle],
        _patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let ended = |handle: &SqlHandle| {
            let output = handle.output.clone();
            Ok(Status::Finished(Finished::now(Outcome::Succeeded {
                output,
            })))
        };
        handles.iter().map(ended).collect()
    }

    async fn cancel(
        &self,
        _context: &Context,
        _handle: &SqlHandle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }

    fn public_handle(&self, handle: &SqlHandle) -> Value {
        let count = |name: &str| handle.output.get(name).cloned().unwrap_or_default();
        json!({ "row_count": count("row_count"), "rows_affected": count("rows_affected") })
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        doctor::findings(&self.databases, context, configs).await
    }
}
