//! The executor value: what it can do, and each call handed to the part that does it.
//!
//! Guarantees: holds nothing of an attempt, only HTTP clients and credentials, so any value serves any attempt.

use std::time::Duration;

use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, Executor, ExecutorError, Finding, LogCursor,
    LogPage, Owned, Problem, Recovery, Request, Status, Wait, async_trait,
};
use serde_json::Value;

use crate::config::Config;
use crate::connection::{self, Settings};
use crate::credentials::Keyring;
use crate::handle::Handle;
use crate::pacing::Pacing;
use crate::session::Session;
use crate::transport::Transport;
use crate::{check, doctor, launch, logs, owned, polling, request};

/// Runs existing Google Cloud Run jobs.
pub struct CloudRun {
    pacing: Pacing,
    transport: Transport,
    keyring: Keyring,
}

impl Default for CloudRun {
    fn default() -> Self {
        Self::new()
    }
}

impl CloudRun {
    /// An executor with the times that suit Google.
    #[must_use]
    pub fn new() -> Self {
        Self::with_pacing(Pacing::default())
    }

    /// An executor with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        Self {
            pacing,
            transport: Transport::new(pacing),
            keyring: Keyring::default(),
        }
    }

    pub(crate) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

#[async_trait]
impl Executor for CloudRun {
    const KIND: &'static str = "cloud_run";
    type Config = Config;
    type Handle = Handle;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: true,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Some("google")
    }

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

    /// `grace` is Cloud Run's own: it sends SIGTERM and kills ten seconds later.
    async fn cancel(
        &self,
        context: &Context,
        handle: &Handle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        let session = Session::open(self, context)?;
        let short = handle.short_name(&session.settings)?;
        let stopped = session.stop(&handle.target(), short).await;
        stopped.map_err(|error| error.of_read())
    }

    /// One list answers for a region.
    fn batch_key(&self, handle: &Handle) -> String {
        format!("{} {} {}", handle.endpoint, handle.project, handle.region)
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

    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<Handle>>, ExecutorError> {
        let session = Session::open(self, context)?;
        owned::owned(&session, &context.host.store_id, places).await
    }

    fn rights(&self, _configs: &[Value]) -> Option<Value> {
        Some(doctor::role())
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        match Session::open(self, context) {
            Ok(session) => doctor::findings(&session, configs).await,
            Err(error) => doctor::unusable(error.to_string()),
        }
    }
}
