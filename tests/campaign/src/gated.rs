//! Any executor, with a named place before and after each of its calls. It changes nothing else.

use std::sync::Arc;
use std::time::Duration;

use noctule_executor::{
    Attempt, Capabilities, Clearing, Connection, Context, Draft, Executor, ExecutorError, Finding,
    LogCursor, LogPage, Owned, Problem, Recovery, Request, Status, Use, async_trait,
};
use serde_json::Value;

use crate::strike::Strike;

/// An executor that is watched.
pub(crate) struct Gated<E> {
    pub(crate) inner: E,
    pub(crate) strike: Option<Arc<Strike>>,
}

impl<E: Executor> Gated<E> {
    fn meet(&self, place: &str) {
        if let Some(strike) = &self.strike {
            strike.meet(&format!("{}.{place}", E::KIND));
        }
    }
}

/// The end of some work is news; that it still runs is none.
fn is_news(answer: &Result<Status, ExecutorError>) -> bool {
    matches!(answer, Ok(Status::Finished(_) | Status::Lost { .. }))
}

#[async_trait]
impl<E: Executor> Executor for Gated<E> {
    const KIND: &'static str = E::KIND;
    const HANDLE_VERSION: u32 = E::HANDLE_VERSION;
    type Config = E::Config;
    type Handle = E::Handle;

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<E::Config>,
        request: &Request,
    ) -> Result<E::Handle, ExecutorError> {
        self.meet("launch.before");
        let answer = Executor::launch(&self.inner, context, attempt, request).await;
        self.meet("launch.after");
        answer
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<E::Config>,
        request: &Request,
    ) -> Result<Option<E::Handle>, ExecutorError> {
        self.meet("adopt.before");
        let answer = Executor::adopt(&self.inner, context, attempt, request).await;
        self.meet("adopt.after");
        answer
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[E::Handle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        self.meet("poll.before");
        let answers = Executor::poll(&self.inner, context, handles, patience).await;
        if answers.iter().any(is_news) {
            self.meet("poll.after");
        }
        answers
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &E::Handle,
        grace: Duration,
    ) -> Result<(), ExecutorError> {
        self.meet("cancel.before");
        let answer = Executor::cancel(&self.inner, context, handle, grace).await;
        self.meet("cancel.after");
        answer
    }

    fn capabilities(&self) -> Capabilities {
        Executor::capabilities(&self.inner)
    }

    fn connection_kind(&self) -> Option<&'static str> {
        Executor::connection_kind(&self.inner)
    }

    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        Executor::recovery(&self.inner, connection)
    }

    fn attached(&self, with: &Draft<'_>) -> bool {
        Executor::attached(&self.inner, with)
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        Executor::check(&self.inner, with)
    }

    fn request(
        &self,
        attempt: &Attempt<E::Config>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Executor::request(&self.inner, attempt, connection)
    }

    fn batch_key(&self, handle: &E::Handle) -> String {
        Executor::batch_key(&self.inner, handle)
    }

    fn public_handle(&self, handle: &E::Handle) -> Value {
        Executor::public_handle(&self.inner, handle)
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &E::Handle,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        Executor::logs(&self.inner, context, handle, after).await
    }

    async fn release(&self, context: &Context, handle: &E::Handle) -> Result<(), ExecutorError> {
        Executor::release(&self.inner, context, handle).await
    }

    fn is_local(&self) -> bool {
        Executor::is_local(&self.inner)
    }

    fn obliges(&self, with: &Draft<'_>) -> bool {
        Executor::obliges(&self.inner, with)
    }

    async fn tear_down(
        &self,
        context: &Context,
        handle: &E::Handle,
        usage: Use,
    ) -> Result<Clearing, ExecutorError> {
        Executor::tear_down(&self.inner, context, handle, usage).await
    }

    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<E::Handle>>, ExecutorError> {
        Executor::owned(&self.inner, context, places).await
    }

    fn rights(&self, configs: &[Value]) -> Option<Value> {
        Executor::rights(&self.inner, configs)
    }

    async fn preflight(&self, context: &Context, configs: &[Value]) -> Vec<Finding> {
        Executor::preflight(&self.inner, context, configs).await
    }
}
