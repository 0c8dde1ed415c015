//! The executor value: what it can do, and each call handed to the part that does it.
//!
//! Guarantees: holds nothing of an attempt, only clients and task definitions, so any value serves any attempt.

use std::time::Duration;

use noctule_executor::{
    Attempt, Capabilities, Clearing, Connection, Context, Draft, Executor, ExecutorError, Finding,
    LogCursor, LogPage, Owned, Problem, Recovery, Request, Status, Use, Wait, async_trait,
};
use serde_json::Value;

use crate::clients::Keyring;
use crate::config::Config;
use crate::connection::{self, Settings};
use crate::handle::Handle;
use crate::pacing::Pacing;
use crate::session::Session;
use crate::shelf::Shelf;
use crate::signed::Signed;
use crate::{check, clearing, doctor, launch, logs, owned, polling, request};

/// Runs tasks on AWS Fargate.
pub struct Fargate {
    pacing: Pacing,
    keyring: Keyring,
    shelf: Shelf,
    signed: Signed,
}

impl Default for Fargate {
    fn default() -> Self {
        Self::new()
    }
}

impl Fargate {
    /// An executor with the times that suit AWS.
    #[must_use]
    pub fn new() -> Self {
        Self::with_pacing(Pacing::default())
    }

    /// An executor with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        Self {
            pacing,
            keyring: Keyring::default(),
            shelf: Shelf::default(),
            signed: Signed::default(),
        }
    }

    pub(crate) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub(crate) fn definitions(&self) -> &Shelf {
        &self.shelf
    }

    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }
}

#[async_trait]
impl Executor for Fargate {
    const KIND: &'static str = "fargate";
    type Config = Config;
    type Handle = Handle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: true,
            sensor: false,
            holds: true,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("aws")
    }

    /// A search and then a resend under the same token: see [`launch`](crate) for why.
    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        let after = Settings::read(connection).map_or_else(
            |_| connection::default_search(),
            |settings| settings.search_after,
        );
        Recovery::Search { after }
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        check::problems(with)
    }

    fn request(
        &self,
        attempt: &Attempt<Config>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        request::document(attempt, connection)
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Config>,
        request: &Request,
    ) -> Result<Handle, ExecutorError> {
        launch::launch(&Session::open(self, context)?, attempt, request).await
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Config>,
        request: &Request,
    ) -> Result<Option<Handle>, ExecutorError> {
        launch::adopt(&Session::open(self, context)?, attempt, request).await
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[Handle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        match Session::open(self, context) {
            Ok(session) => polling::poll(&session, handles, patience).await,
            Err(error) => handles.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// `grace` is ECS's own: it sends SIGTERM and kills after the container's `stopTimeout`.
    async fn cancel(
        &self,
        context: &Context,
        handle: &Handle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        clearing::cancel(&Session::open(self, context)?, handle).await
    }

    /// One DescribeTasks asks about tasks of one cluster.
    fn batch_key(&self, handle: &Handle) -> String {
        format!("{} {} {}", handle.endpoint, handle.region, handle.cluster)
    }

    fn public_handle(&self, handle: &Handle) -> Value {
        handle.public()
    }

    fn console(&self, handle: &Handle) -> Option<String> {
        handle.console()
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &Handle,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        logs::read(&Session::open(self, context)?, handle, after).await
    }

    fn obliges(&self, with: &Draft<'_>) -> bool {
        clearing::obliges(with)
    }

    async fn tear_down(
        &self,
        context: &Context,
        handle: &Handle,
        usage: Use,
    ) -> Result<Clearing, ExecutorError> {
        clearing::tear_down(&Session::open(self, context)?, handle, usage).await
    }

    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<Handle>>, ExecutorError> {
        owned::owned(&Session::open(self, context)?, places).await
    }

    fn rights(&self, configs: &[Value]) -> Option<Value> {
        Some(crate::policy(configs))
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        match Session::open(self, context) {
            Ok(session) => doctor::findings(&session, configs).await,
            Err(error) => doctor::unusable(error.to_string()),
        }
    }
}
