//! A spool with a bug: it gives every send a name of its own, so a resend starts the work again.

use std::time::Duration;

use custom_executor::{Spool, SpoolConfig, SpooledWork};
use noctule_executor::{
    Attempt, AttemptKey, Capabilities, Connection, Context, Executor, ExecutorError, Problem,
    Recovery, Request, Status, async_trait,
};

pub(crate) struct Forgetful(pub(crate) Spool);

#[async_trait]
impl Executor for Forgetful {
    const KIND: &'static str = "spool";
    type Config = SpoolConfig;
    type Handle = SpooledWork;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        self.0.recovery(connection)
    }

    fn request(
        &self,
        attempt: &Attempt<SpoolConfig>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        self.0.request(attempt, connection)
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<SpoolConfig>,
        request: &Request,
    ) -> Result<SpooledWork, ExecutorError> {
        let mut renamed = attempt.clone();
        let (key, sends) = (&attempt.key, attempt.sends);
        renamed.key = AttemptKey::from_text(format!("{key}-{sends}"));
        self.0.launch(context, &renamed, request).await
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<SpoolConfig>,
        request: &Request,
    ) -> Result<Option<SpooledWork>, ExecutorError> {
        self.0.adopt(context, attempt, request).await
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[SpooledWork],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        self.0.poll(context, handles, patience).await
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &SpooledWork,
        grace: Duration,
    ) -> Result<(), ExecutorError> {
        self.0.cancel(context, handle, grace).await
    }
}
