//! The trait that an executor author implements.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Attempt, AttemptKey, Capabilities, Clearing, Connection, Context, Draft, ExecutorError,
    Finding, Keepsake, LogCursor, LogPage, Owned, Problem, Recovery, Request, Status, Use,
};

/// Starts, finds, watches and stops one kind of work.
///
/// Every method after [`launch`](Executor::launch) may be called on a value, in a process, that never saw the
/// launch. Every asynchronous method may be dropped at any await.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// The word in `executor = "…"`.
    const KIND: &'static str;
    /// The version of [`Executor::Handle`]; raised when its shape changes.
    const HANDLE_VERSION: u32 = 1;
    /// The `with` table. Unknown keys must be refused (`#[serde(deny_unknown_fields)]`).
    type Config: Serialize + DeserializeOwned + JsonSchema + Send + Sync;
    /// All that must be remembered to find the work again from a fresh process.
    type Handle: Serialize + DeserializeOwned + Send + Sync;

    /// What this executor can do.
    fn capabilities(&self) -> Capabilities;

    /// The kind of connection it uses (`google`, `http`, …), if any.
    fn connection_kind(&self) -> Option<&'static str> {
        None
    }

    /// What can be done about a launch whose outcome nobody knows.
    fn recovery(&self, connection: Option<&Connection>) -> Recovery;

    /// Whether this configuration keeps the engine on the line: `launch` itself lasts as long as the work, and there is
    /// nothing to find after a restart (a plain HTTP call).
    fn attached(&self, _with: &Draft<'_>) -> bool {
        false
    }

    /// Whether the work is on the engine's own machine: whether it was started, only that machine can tell, so a launch of
    /// unknown outcome is never sent again from another one.
    fn is_local(&self) -> bool {
        false
    }

    /// Every problem of a configuration that a schema cannot say. Pure; templated leaves are not judged.
    fn check(&self, _with: &Draft<'_>) -> Vec<Problem> {
        Vec::new()
    }

    /// The exact request, as a canonical document: what `plan` prints and the store keeps. Pure.
    ///
    /// # Errors
    /// A problem of the rendered configuration: it ends the attempt as `config`.
    fn request(
        &self,
        attempt: &Attempt<Self::Config>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem>;

    /// Sends the stored request. Launching again with the same key must give the same piece of work, or say `Unknown`.
    ///
    /// # Errors
    /// By [`ExecutorError`]: surely not started, or perhaps.
    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Self::Config>,
        request: &Request,
    ) -> Result<Self::Handle, ExecutorError>;

    /// Finds what an earlier launch of this key started, finished work too. Never starts anything.
    ///
    /// # Errors
    /// The search could not be made: `Unavailable` or `Throttled`. It was made, and nobody will ever know: `Rejected` with
    /// class `unknown`, which a launch may say, too.
    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Self::Config>,
        request: &Request,
    ) -> Result<Option<Self::Handle>, ExecutorError>;

    /// Asks about many pieces of work. Returns, in input order, as soon as any has finished or `patience` ends.
    /// A failed poll says nothing about the work.
    async fn poll(
        &self,
        context: &Context,
        handles: &[Self::Handle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>>;

    /// Asks the work to stop, and kills it after `grace` where the backend leaves that to us. Idempotent; the end is
    /// seen by [`poll`](Executor::poll).
    ///
    /// # Errors
    /// The backend could not be asked.
    async fn cancel(
        &self,
        context: &Context,
        handle: &Self::Handle,
        grace: Duration,
    ) -> Result<(), ExecutorError>;

    /// Handles with the same batch key may be polled in one call.
    fn batch_key(&self, _handle: &Self::Handle) -> String {
        String::new()
    }

    /// The handle as people know it: execution name, task ARN, pid. Also the output of detached work.
    fn public_handle(&self, handle: &Self::Handle) -> serde_json::Value {
        serde_json::to_value(handle).unwrap_or_default()
    }

    /// Where people look at the work in the console of its backend: an `https` address, made from the handle alone.
    fn console(&self, _handle: &Self::Handle) -> Option<String> {
        None
    }

    /// A page of the work's log, after a cursor.
    ///
    /// # Errors
    /// The log could not be read this time.
    async fn logs(
        &self,
        _context: &Context,
        _handle: &Self::Handle,
        _after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        Ok(LogPage::end())
    }

    /// Forgets leftovers of a finished attempt, after its outcome is committed.
    ///
    /// # Errors
    /// The leftovers stay; nothing else depends on it.
    async fn release(
        &self,
        _context: &Context,
        _handle: &Self::Handle,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// Forgets what is kept on this machine of attempts whose run ended long ago. Idempotent; a key of which nothing is kept
    /// is no error. Called of every executor, by age and not by need, so an executor that keeps nothing does nothing.
    ///
    /// # Errors
    /// Something stays; it is tried again by the next pass.
    async fn forget(
        &self,
        _context: &Context,
        _keys: &[AttemptKey],
        _what: Keepsake,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// Whether work of this configuration leaves something behind that has to be cleared away, however it ends: then the
    /// engine keeps an obligation from the moment the handle is stored, and calls [`tear_down`](Executor::tear_down) until it is done.
    fn obliges(&self, _with: &Draft<'_>) -> bool {
        false
    }

    /// Clears away what the work made: its place behind a load balancer, the work itself if it still runs. Idempotent;
    /// called again, later, while it says [`Clearing::Pending`].
    ///
    /// # Errors
    /// It could not be done this time; it is tried again.
    async fn tear_down(
        &self,
        _context: &Context,
        _handle: &Self::Handle,
        _usage: Use,
    ) -> Result<Clearing, ExecutorError> {
        Ok(Clearing::Done)
    }

    /// All work at these places that carries this store's mark (`n1-<store id>-…`), ended work left out, for `noctule sweep`.
    /// Never a stranger's, nor another store's. The places are rendered `with` tables.
    ///
    /// # Errors
    /// A place could not be looked at.
    async fn owned(
        &self,
        _context: &Context,
        _places: &[serde_json::Value],
    ) -> Result<Vec<Owned<Self::Handle>>, ExecutorError> {
        Ok(Vec::new())
    }

    /// The least rights that these configurations need, as the document that the provider's own tools take (an IAM policy, a
    /// custom role); none where nothing can be granted. Pure.
    fn rights(&self, _configs: &[serde_json::Value]) -> Option<serde_json::Value> {
        None
    }

    /// Whether this identity can reach and do all that these configurations need, for `noctule doctor`. Starts nothing.
    async fn preflight(&self, _context: &Context, _configs: &[serde_json::Value]) -> Vec<Finding> {
        Vec::new()
    }
}
