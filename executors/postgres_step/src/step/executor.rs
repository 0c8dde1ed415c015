//! The executor.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::Instant;

use noctule_executor::{
    Attempt, Call, Capabilities, Connection, Context, Draft, ErrorClass, Executor, ExecutorError,
    Finding, Problem, Recovery, Request, Status, Wait,
};

use crate::error::PostgresError;
use crate::pool::{Databases, Purpose};
use crate::rows::Bounds;
use crate::session::{Access, Session};
use crate::settings::Settings;
use crate::{doctor, waiting};

use super::check;
use super::config::PostgresStepConfig;
use super::document::{Document, Statement};
use super::handle::StepHandle;
use super::launching::launch;
use super::looking::{is_there, look, statement_limit};

/// `executor = "postgres_step"`.
#[derive(Debug, Clone, Default)]
pub struct PostgresStep {
    databases: Databases,
}

impl PostgresStep {
    /// The executor, over these sessions.
    #[must_use]
    pub fn new(databases: &Databases) -> Self {
        Self {
            databases: databases.clone(),
        }
    }

    async fn stop(
        &self,
        context: &Context,
        handle: &StepHandle,
        statement: &Statement,
    ) -> Result<(), PostgresError> {
        let pool = self.databases.of(context).await?;
        if pool.place() != handle.place {
            return Err(PostgresError::config(format!(
                "the work is in {}, and its connection now leads to {}",
                handle.place,
                pool.place()
            )));
        }
        let limit = Some(statement_limit(&pool, handle.timeout));
        let purpose = Purpose::Question;
        let mut session = Session::begin(&pool, purpose, Access::Write, limit).await?;
        let bounds = Bounds::default();
        match session
            .ask(&statement.text, &statement.params, bounds)
            .await
        {
            Ok(_) => session.commit().await,
            Err(error) => {
                session.roll_back().await;
                Err(error)
            }
        }
    }
}

fn read(request: &Request) -> Result<Document, ExecutorError> {
    Document::read(request).map_err(|message| ExecutorError::rejected(ErrorClass::Config, message))
}

#[async_trait]
impl Executor for PostgresStep {
    const KIND: &'static str = "postgres_step";
    type Config = PostgresStepConfig;
    type Handle = StepHandle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: false,
            sensor: false,
            holds: false,
            hints: true,
            default_wait: Wait::Poll,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("postgres")
    }

    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        let after = Settings::of(connection).map(|settings| settings.search_after());
        Recovery::Search {
            after: after.unwrap_or_default(),
        }
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        check::problems(with)
    }

    fn request(
        &self,
        attempt: &Attempt<PostgresStepConfig>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Settings::of(connection)?;
        let with = serde_json::to_value(&attempt.config)
            .map_err(|error| Problem::at([], error.to_string()))?;
        if let Some(problem) = check::problems(&Draft::new(&with)).into_iter().next() {
            return Err(problem);
        }
        Document::of(attempt)?.request()
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<PostgresStepConfig>,
        request: &Request,
    ) -> Result<StepHandle, ExecutorError> {
        let document = read(request)?;
        context.budget.take(Call::Launch).await;
        let pool = self.databases.of(context).await;
        let pool = pool.map_err(PostgresError::of_launch)?;
        Box::pin(launch(&pool, context, &attempt.key, &document)).await?;
        Ok(StepHandle::of(&attempt.key, pool.place(), &document))
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<PostgresStepConfig>,
        request: &Request,
    ) -> Result<Option<StepHandle>, ExecutorError> {
        let document = read(request)?;
        context.budget.take(Call::Poll).await;
        let pool = self.databases.of(context).await;
        let pool = pool.map_err(PostgresError::of_poll)?;
        let found = is_there(&pool, &document.watch, &attempt.key, document.timeout).await;
        let found = found.map_err(PostgresError::of_poll)?;
        Ok(found.then(|| StepHandle::of(&attempt.key, pool.place(), &document)))
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[StepHandle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let deadline = Instant::now().checked_add(patience);
        let channels = handles.iter().map(|handle| handle.channel.as_deref());
        let mut wait = waiting::Waiting::new(&self.databases, channels, deadline);
        loop {
            wait.hear(context).await;
            let said = look(&self.databases, context, handles).await;
            if waiting::is_news(&said) || !wait.goes_on().await {
                return said;
            }
        }
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &StepHandle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        let Some(statement) = &handle.cancel else {
            return Err(ExecutorError::rejected(
                ErrorClass::Config,
                "the task says no `cancel` statement, so its work cannot be stopped from here",
            ));
        };
        context.budget.take(Call::Poll).await;
        let stopped = self.stop(context, handle, statement).await;
        stopped.map_err(PostgresError::of_poll)
    }

    fn batch_key(&self, handle: &StepHandle) -> String {
        let mut hasher = DefaultHasher::new();
        (&handle.place, &handle.watch.query, &handle.channel).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    fn public_handle(&self, handle: &StepHandle) -> Value {
        handle.public()
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        doctor::findings(&self.databases, context, configs).await
    }
}
