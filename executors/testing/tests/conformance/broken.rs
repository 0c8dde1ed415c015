//! A scripted executor with one fault.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, ErrorClass, Executor, ExecutorError,
    Finished, LogCursor, LogPage, Outcome, Owned, Problem, Recovery, Request, Status,
};
use noctule_executor_testing::{CANARY, Script, Scripted, ScriptedHandle, ScriptedWorld, Work};

use crate::fault::Fault;

/// A configuration that ignores what it does not know.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Loose(Script);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::<String, Value>::deserialize(deserializer)?;
        table.remove("no_such_key");
        serde_json::from_value(Value::Object(table))
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Loose {
    fn schema_name() -> Cow<'static, str> {
        "Loose".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Script::json_schema(generator)
    }
}

impl AsRef<Script> for Loose {
    fn as_ref(&self) -> &Script {
        &self.0
    }
}

/// The executor with one fault.
pub(crate) struct Broken<C> {
    inner: Scripted,
    fault: Fault,
    seen: Mutex<BTreeSet<usize>>,
    counter: Arc<AtomicU64>,
    config: PhantomData<fn() -> C>,
}

impl<C> Broken<C> {
    pub(crate) fn new(inner: Scripted, fault: Fault) -> Self {
        let inner = match fault {
            Fault::DoubleLaunch => inner.recovery(Recovery::Never),
            _ => inner,
        };
        Self {
            inner,
            fault,
            seen: Mutex::default(),
            counter: Arc::default(),
            config: PhantomData,
        }
    }

    pub(crate) fn fresh(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            fault: self.fault,
            seen: Mutex::default(),
            counter: Arc::clone(&self.counter),
            config: PhantomData,
        }
    }

    pub(crate) fn world(&self) -> &Arc<ScriptedWorld> {
        self.inner.world()
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn remember(&self, work: usize) {
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(work);
        }
    }

    fn remembers(&self, work: usize) -> bool {
        self.seen.lock().is_ok_and(|seen| seen.contains(&work))
    }

    fn work(&self, handle: &ScriptedHandle) -> Work {
        self.world()
            .look(|ledger| ledger.works[handle.work].clone())
    }

    fn has_ended(&self, handle: &ScriptedHandle) -> bool {
        self.work(handle).outcome(self.world().now()).is_some()
    }

    fn has_begun(&self, handle: &ScriptedHandle) -> bool {
        let work = self.work(handle);
        self.world().now() >= work.launched_at + work.script.starts_after.0
    }

    fn misread(&self, handle: &ScriptedHandle, status: Status) -> Status {
        let end = |outcome| Status::Finished(Finished::now(outcome));
        let success = |output| end(Outcome::Succeeded { output });
        match &status {
            Status::Finished(finished) => match self.fault {
                Fault::DoneIsSuccess => match &finished.outcome {
                    Outcome::Failed { message, .. } if message.starts_with("done") => {
                        success(json!({}))
                    }
                    _ => status,
                },
                Fault::EndWavers if self.counter.fetch_add(1, Ordering::SeqCst) % 2 == 1 => end(
                    Outcome::failed(ErrorClass::User, "on second thoughts", None),
                ),
                Fault::CancelRewritesEnd if self.work(handle).cancels > 0 => {
                    end(Outcome::Cancelled {
                        by: None,
                        output: None,
                    })
                }
                _ => status,
            },
            _ => status,
        }
    }
}

struct ForgetsOnDrop<'a>(Option<&'a Arc<ScriptedWorld>>, &'a [ScriptedHandle]);

impl Drop for ForgetsOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(world) = self.0 {
            for handle in self.1 {
                world.forget(handle.key.as_str());
            }
        }
    }
}

#[async_trait]
impl<C> Executor for Broken<C>
where
    C: AsRef<Script> + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static,
{
    const KIND: &'static str = "scripted";
    type Config = C;
    type Handle = ScriptedHandle;

    fn capabilities(&self) -> Capabilities {
        Executor::capabilities(&self.inner)
    }

    fn recovery(&self, connection: Option<&Connection>) -> Recovery {
        match self.fault {
            Fault::DoubleLaunch => Recovery::Resend,
            _ => Executor::recovery(&self.inner, connection),
        }
    }

    fn check(&self, _with: &Draft<'_>) -> Vec<Problem> {
        let complains = self.is(Fault::CheckComplains);
        complains
            .then(|| Problem::at(["after"], "wrong"))
            .into_iter()
            .collect()
    }

    fn request(
        &self,
        attempt: &Attempt<C>,
        connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        let inner = attempt.with_config(attempt.config.as_ref().clone());
        let mut request = Executor::request(&self.inner, &inner, connection)?;
        match self.fault {
            Fault::RandomRequest => {
                request.0["nonce"] = self.counter.fetch_add(1, Ordering::SeqCst).into();
            }
            Fault::RequestCountsSends => request.0["sends"] = attempt.sends.into(),
            _ => {}
        }
        Ok(request)
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<C>,
        request: &Request,
    ) -> Result<ScriptedHandle, ExecutorError> {
        let mut inner = attempt.with_config(attempt.config.as_ref().clone());
        let answer = Executor::launch(&self.inner, context, &inner, request).await;
        match (self.fault, answer) {
            (Fault::LostAnswerIsUnavailable, Err(ExecutorError::Unknown { message })) => {
                Err(ExecutorError::unavailable(message))
            }
            (Fault::RefusalStarts, Err(ExecutorError::Rejected { class, message })) => {
                inner.config = Script::default();
                drop(Executor::launch(&self.inner, context, &inner, request).await);
                Err(ExecutorError::rejected(class, message))
            }
            (_, Ok(handle)) => {
                self.remember(handle.work);
                Ok(handle)
            }
            (_, answer) => answer,
        }
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<C>,
        request: &Request,
    ) -> Result<Option<ScriptedHandle>, ExecutorError> {
        let inner = attempt.with_config(attempt.config.as_ref().clone());
        let found = Executor::adopt(&self.inner, context, &inner, request).await?;
        if self.is(Fault::AdoptStarts) && found.is_none() {
            drop(Executor::launch(&self.inner, context, &inner, request).await);
        }
        Ok(found.filter(|handle| match self.fault {
            Fault::ForgetsLostWork => false,
            Fault::AdoptMissesRunning => self.has_ended(handle),
            Fault::AdoptMissesFinished => !self.has_ended(handle),
            _ => true,
        }))
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[ScriptedHandle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        let forgets = self.is(Fault::DroppedPollForgets).then(|| self.world());
        let mut guard = ForgetsOnDrop(forgets, handles);
        let patience = match self.fault {
            Fault::OutlastsPatience => Duration::from_secs(600),
            _ => patience,
        };
        if self.is(Fault::WaitsForAll) {
            tokio::time::sleep(patience).await;
        }
        let mut answers = Executor::poll(&self.inner, context, handles, patience).await;
        guard.0 = None;
        if self.is(Fault::OutOfOrder) {
            answers.sort_by_key(|answer| !matches!(answer, Ok(Status::Finished(_))));
        }
        let lost = |reason: &str| {
            Ok(Status::Lost {
                reason: reason.to_owned(),
            })
        };
        let pairs = handles.iter().zip(answers);
        pairs
            .map(|(handle, answer)| match (self.fault, answer) {
                (Fault::PollErrorIsLost, Err(_)) => lost("no answer"),
                (Fault::HandleInMemory, _) if !self.remembers(handle.work) => {
                    lost("never heard of it")
                }
                (_, answer) => answer.map(|status| self.misread(handle, status)),
            })
            .collect()
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &ScriptedHandle,
        grace: Duration,
    ) -> Result<(), ExecutorError> {
        let refused = || {
            Err(ExecutorError::rejected(
                ErrorClass::Config,
                "cancelled before",
            ))
        };
        match self.fault {
            Fault::CancelIgnored => return Ok(()),
            Fault::CancelOnlyBeforeBegin if self.has_begun(handle) => return Ok(()),
            Fault::CancelOnce if self.work(handle).cancels > 0 => return refused(),
            _ => {}
        }
        Executor::cancel(&self.inner, context, handle, grace).await
    }

    fn public_handle(&self, handle: &ScriptedHandle) -> Value {
        match self.fault {
            Fault::ShowsSecret => json!({ "header": CANARY }),
            _ => json!({ "work": handle.work }),
        }
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &ScriptedHandle,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        if self.is(Fault::LogsGoAtTheEnd) && self.has_ended(handle) {
            return Ok(LogPage::end());
        }
        Executor::logs(&self.inner, context, handle, after).await
    }

    async fn owned(
        &self,
        context: &Context,
        places: &[Value],
    ) -> Result<Vec<Owned<ScriptedHandle>>, ExecutorError> {
        let mut found = Executor::owned(&self.inner, context, places).await?;
        let now = self.world().now();
        let mark = format!("n1-{}-", context.host.store_id);
        let works = self.world().look(|ledger| ledger.works.clone());
        let wrong = |work: &Work| match self.fault {
            Fault::OwnedListsEnded => {
                work.outcome(now).is_some() && work.key.as_str().starts_with(&mark)
            }
            Fault::OwnedListsStrangers => {
                work.outcome(now).is_none() && !work.key.as_str().starts_with(&mark)
            }
            _ => false,
        };
        let wrong = works.iter().enumerate().filter(|(_, work)| wrong(work));
        found.extend(wrong.map(|(index, work)| Owned {
            key: work.key.clone(),
            handle: ScriptedHandle {
                key: work.key.clone(),
                work: index,
            },
            since: None,
        }));
        match self.fault {
            Fault::OwnedMissesLive => found.clear(),
            Fault::OwnedLeadsAstray => found.iter_mut().for_each(|owned| owned.handle.work = 0),
            _ => {}
        }
        Ok(found)
    }

    async fn release(
        &self,
        context: &Context,
        handle: &ScriptedHandle,
    ) -> Result<(), ExecutorError> {
        if self.is(Fault::ReleaseOnce) && self.work(handle).releases > 0 {
            return Err(ExecutorError::alarm("released before"));
        }
        Executor::release(&self.inner, context, handle).await
    }
}
