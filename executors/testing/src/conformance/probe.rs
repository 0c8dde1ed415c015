//! How rules handle the subject: every call on a fresh executor value, every handle through text, as after a restart.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use noctule_executor::{
    AnyExecutor, Attempt, AttemptKey, Capabilities, Context, Draft, ExecutorError, Finished,
    Outcome, Recovery, Request, Status,
};

use super::{Judgement, Subject};
use crate::surroundings;

/// What a rule gives back: kept or skipped, or how it was broken.
pub(super) type Ruling = Result<Judgement, String>;

/// The grace of every cancel.
const GRACE: Duration = Duration::from_secs(2);
/// The patience of one poll while an end is awaited.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two polls of an executor that does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// The subject with its context.
pub(super) struct Probe<'a> {
    pub(super) subject: &'a dyn Subject,
    pub(super) context: Context,
}

impl<'a> Probe<'a> {
    pub(super) fn new(subject: &'a dyn Subject) -> Self {
        Self {
            subject,
            context: subject.context(),
        }
    }

    pub(super) async fn limited(&self, rule: impl Future<Output = Ruling>) -> Judgement {
        let limit = self.subject.limit();
        match tokio::time::timeout(limit, rule).await {
            Ok(Ok(judgement)) => judgement,
            Ok(Err(how)) => Judgement::Broken(how),
            Err(_) => Judgement::Broken(format!("it took longer than {} s", limit.as_secs())),
        }
    }

    pub(super) fn executor(&self) -> Arc<dyn AnyExecutor> {
        self.subject.executor()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.executor().capabilities()
    }

    pub(super) fn recovery(&self) -> Recovery {
        self.executor().recovery(self.context.connection.as_ref())
    }

    pub(super) fn is_attached(&self, with: &Value) -> bool {
        self.executor().attached(&Draft::new(with))
    }

    /// Work that lasts, unless launching it would keep the engine on the line.
    pub(super) fn long_work(&self) -> Option<Value> {
        self.subject
            .runs_long()
            .filter(|with| !self.is_attached(with))
    }

    pub(super) fn attempt(&self, with: Value) -> Attempt<Value> {
        surroundings::attempt("conformance", with)
    }

    pub(super) fn request(&self, attempt: &Attempt<Value>) -> Result<Request, String> {
        self.executor()
            .request(attempt, self.context.connection.as_ref())
            .map_err(|problem| format!("`request` refused the configuration: {}", problem.message))
    }

    pub(super) async fn try_launch(
        &self,
        attempt: &Attempt<Value>,
    ) -> Result<Result<Value, ExecutorError>, String> {
        let request = self.request(attempt)?;
        let answer = self
            .executor()
            .launch(&self.context, attempt, &request)
            .await;
        Ok(answer.map(|handle| through_text(&handle)))
    }

    pub(super) async fn launch(&self, attempt: &Attempt<Value>) -> Result<Value, String> {
        self.try_launch(attempt)
            .await?
            .map_err(|error| format!("`launch` failed: {error}"))
    }

    pub(super) async fn launch_with(&self, with: Value) -> Result<Value, String> {
        self.launch(&self.attempt(with)).await
    }

    pub(super) async fn try_adopt(
        &self,
        attempt: &Attempt<Value>,
    ) -> Result<Result<Option<Value>, ExecutorError>, String> {
        let request = self.request(attempt)?;
        let found = self
            .executor()
            .adopt(&self.context, attempt, &request)
            .await;
        Ok(found.map(|found| found.as_ref().map(through_text)))
    }

    /// Searches as the engine does: at the offsets of the recovery, until something is found.
    pub(super) async fn search(&self, attempt: &Attempt<Value>) -> Result<Option<Value>, String> {
        let offsets = match self.recovery() {
            Recovery::Search { after } => after,
            Recovery::Resend | Recovery::Never => vec![Duration::ZERO],
        };
        let sent = tokio::time::Instant::now();
        for offset in offsets {
            tokio::time::sleep_until(sent + offset).await;
            let found = self.try_adopt(attempt).await?;
            if let Some(handle) = found.map_err(|error| format!("`adopt` failed: {error}"))? {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    pub(super) async fn poll(
        &self,
        handles: &[Value],
        patience: Duration,
    ) -> Result<Vec<Result<Status, ExecutorError>>, String> {
        let answers = self.executor().poll(&self.context, handles, patience).await;
        let (asked, given) = (handles.len(), answers.len());
        if asked != given {
            return Err(format!(
                "`poll` of {asked} handles gave {given} answers, not one for each"
            ));
        }
        Ok(answers)
    }

    pub(super) async fn poll_one(
        &self,
        handle: &Value,
        patience: Duration,
    ) -> Result<Result<Status, ExecutorError>, String> {
        let answers = self.poll(std::slice::from_ref(handle), patience).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| "`poll` gave no answer".to_owned())
    }

    /// Polls until the work has ended.
    pub(super) async fn end(&self, handle: &Value) -> Result<Finished, String> {
        loop {
            match self.poll_one(handle, PATIENCE).await? {
                Ok(Status::Finished(finished)) => return Ok(finished),
                Ok(Status::Lost { reason }) => {
                    return Err(format!("`poll` lost work that exists: {reason}"));
                }
                Ok(Status::Ready { .. } | Status::Advanced { .. }) => {
                    return Err("`poll` says ready or advanced of work that is not held".to_owned());
                }
                Ok(Status::Elsewhere { host }) => {
                    return Err(format!("`poll` says that work of this host is on {host}"));
                }
                Ok(Status::Launching | Status::Running { .. })
                | Err(
                    ExecutorError::Unavailable { alarm: false, .. }
                    | ExecutorError::Throttled { .. },
                ) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(format!("`poll` failed: {error}")),
            }
        }
    }

    /// Polls until the work is seen running.
    pub(super) async fn running(&self, handle: &Value) -> Result<(), String> {
        loop {
            match self.poll_one(handle, PAUSE).await? {
                Ok(Status::Running { .. }) => return Ok(()),
                Ok(Status::Launching) => tokio::time::sleep(PAUSE).await,
                other => return Err(format!("long work is not running: {other:?}")),
            }
        }
    }

    pub(super) async fn try_cancel(&self, handle: &Value) -> Result<(), ExecutorError> {
        self.executor().cancel(&self.context, handle, GRACE).await
    }

    pub(super) async fn cancel(&self, handle: &Value) -> Result<(), String> {
        self.try_cancel(handle)
            .await
            .map_err(|error| format!("`cancel` failed: {error}"))
    }

    /// Stops what a rule left running; the rule is judged already.
    pub(super) async fn clean_up(&self, handle: &Value) {
        if self.capabilities().cancel && self.try_cancel(handle).await.is_ok() {
            drop(self.end(handle).await);
        }
    }

    /// Complains when the backend has started another number of pieces of work.
    pub(super) async fn expect_works(&self, key: &AttemptKey, wanted: usize) -> Result<(), String> {
        match self.subject.works_of(key).await {
            Some(found) if found != wanted => Err(format!(
                "the backend started {found} pieces of work under one key, not {wanted}"
            )),
            _ => Ok(()),
        }
    }
}

/// Complains when a verdict has become another one. Outputs may differ: an answer has a date.
pub(super) fn expect_same(before: &Outcome, after: &Outcome) -> Result<(), String> {
    let same = match (before, after) {
        (Outcome::Succeeded { .. }, Outcome::Succeeded { .. })
        | (Outcome::Cancelled { .. }, Outcome::Cancelled { .. }) => true,
        (Outcome::Failed { class: before, .. }, Outcome::Failed { class: after, .. }) => {
            before == after
        }
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(format!("{before:?} became {after:?}"))
}

/// A handle as the store gives it back.
pub(super) fn through_text(handle: &Value) -> Value {
    serde_json::from_str(&handle.to_string()).unwrap_or_default()
}
