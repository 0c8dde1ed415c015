//! The scripted executor: a full executor whose backend is a [`ScriptedWorld`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{
    Attempt, AttemptKey, Call, Capabilities, Connection, Context, Draft, Entry, Executor,
    ExecutorError, Leaf, LogCursor, LogPage, Owned, Problem, Recovery, Request, Status, Wait,
};

use crate::ledger::{Effect, Ledger, Sent, Work};
use crate::script::Script;
use crate::sight::is_waiting;
use crate::steps::{AdoptStep, CancelStep, LaunchStep, Outage, PollStep};
use crate::world::ScriptedWorld;

/// The most bytes of one log page: small, so that paging is exercised.
const LOG_PAGE: usize = 64;

/// `executor = "scripted"`.
#[derive(Debug, Clone)]
pub struct Scripted {
    world: Arc<ScriptedWorld>,
    recovery: Recovery,
    capabilities: Capabilities,
}

/// What is remembered of a piece of work: its key, and which of the works of the world it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptedHandle {
    /// The attempt key.
    pub key: AttemptKey,
    /// Its place in [`Ledger::works`].
    pub work: usize,
}

impl Scripted {
    /// An executor of this world that may resend, and can do everything.
    #[must_use]
    pub fn new(world: Arc<ScriptedWorld>) -> Self {
        Self {
            world,
            recovery: Recovery::Resend,
            capabilities: Capabilities {
                survives_restart: true,
                cancel: true,
                logs: true,
                sensor: false,
                holds: false,
                hints: false,
                default_wait: Wait::Poll,
            },
        }
    }

    /// The same executor with another recovery.
    ///
    /// Only under `Resend` does the world itself know keys. Under `Search` a resend looks for visible work first, and
    /// under `Never` it does not: an engine that resends too early shows in [`Ledger::double_launches`].
    #[must_use]
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    /// The same executor with other capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The world behind it.
    #[must_use]
    pub fn world(&self) -> &Arc<ScriptedWorld> {
        &self.world
    }

    /// The work that a further launch of this key meets, by what the backend can know.
    fn existing(&self, ledger: &Ledger, attempt: &Attempt<Script>) -> Option<usize> {
        let now = self.world.now();
        let mut works = ledger.indices(&attempt.key).iter().copied();
        match self.recovery {
            Recovery::Resend => works.next(),
            Recovery::Search { .. } => works.find(|&i| ledger.is_visible(i, now)),
            Recovery::Never => None,
        }
    }

    fn receive(&self, attempt: &Attempt<Script>, request: &Request) -> (LaunchStep, Option<usize>) {
        let script = self
            .world
            .look(|ledger| ledger.script_of(&attempt.task, &attempt.config));
        let run = &attempt.run.id;
        let item = attempt.map_key.as_deref().unwrap_or_default();
        let call = format!("launch {run} {} {item}", attempt.task);
        let mut sent = Sent {
            key: attempt.key.clone(),
            run: run.clone(),
            task: attempt.task.clone(),
            map_key: attempt.map_key.clone(),
            number: attempt.number,
            sends: attempt.sends,
            request: request.canonical(),
            answer: LaunchStep::Ok,
            pid: std::process::id(),
        };
        let by_test = self.world.answer_to(&sent);
        self.world.change(|ledger| {
            let scripted = script.launch.at(ledger.use_up(call));
            sent.answer = by_test.unwrap_or(scripted);
            let starts = matches!(
                sent.answer,
                LaunchStep::Ok | LaunchStep::LostAnswer | LaunchStep::HangStarted
            );
            let work = starts.then(|| {
                self.existing(ledger, attempt)
                    .unwrap_or_else(|| ledger.start(self.world.now(), sent.pid, attempt, request))
            });
            let answer = (sent.answer.clone(), work);
            ledger.record(sent);
            answer
        })
    }

    fn poll_step(&self, handle: &ScriptedHandle) -> PollStep {
        self.world.change(|ledger| {
            if ledger.is_poll_failing() {
                return PollStep::Outage(Outage::Unavailable);
            }
            let Some(work) = ledger.known(handle) else {
                return PollStep::Ok;
            };
            let steps = work.script.poll.clone();
            steps.at(ledger.use_up(format!("poll {}", handle.key)))
        })
    }

    /// Waits for the end of attached work.
    async fn attend(&self, handle: &ScriptedHandle) {
        let mut seen = self.world.subscribe();
        loop {
            seen.mark_unchanged();
            let (status, next) = self
                .world
                .look(|ledger| ledger.status(handle, self.world.now()));
            if matches!(status, Status::Finished(_) | Status::Lost { .. }) {
                return;
            }
            self.world.wait(&mut seen, next).await;
        }
    }
}

#[async_trait]
impl Executor for Scripted {
    const KIND: &'static str = "scripted";
    type Config = Script;
    type Handle = ScriptedHandle;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        self.recovery.clone()
    }

    fn attached(&self, with: &Draft<'_>) -> bool {
        matches!(with.get(&["attached"]), Leaf::Given(Value::Bool(true)))
    }

    fn request(
        &self,
        attempt: &Attempt<Script>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        let script = serde_json::to_value(&attempt.config)
            .map_err(|error| Problem::at([], error.to_string()))?;
        let mut request = json!({ "key": attempt.key, "task": attempt.task, "script": script });
        if let Some(traceparent) = &attempt.traceparent {
            request["traceparent"] = json!(traceparent);
        }
        Ok(Request(request))
    }

    async fn launch(
        &self,
        context: &Context,
        attempt: &Attempt<Script>,
        request: &Request,
    ) -> Result<ScriptedHandle, ExecutorError> {
        context.budget.take(Call::Launch).await;
        for entry in attempt.config.env.values() {
            if let Entry::Secret(secret) = entry {
                drop(context.secrets.resolve(secret).await?);
            }
        }
        self.world.pass(Effect::Launch).await?;
        let (step, work) = self.receive(attempt, request);
        self.world.sound()?;
        if let Some(work) = work {
            self.world.pass(Effect::Started).await?;
            let handle = ScriptedHandle {
                key: attempt.key.clone(),
                work,
            };
            if step == LaunchStep::Ok {
                if attempt.config.attached {
                    self.attend(&handle).await;
                }
                return Ok(handle);
            }
        }
        match step {
            LaunchStep::Rejected(class) => {
                Err(ExecutorError::rejected(class, "launch: scripted refusal"))
            }
            LaunchStep::Outage(outage) => Err(outage.error("launch")),
            LaunchStep::Hang | LaunchStep::HangStarted => std::future::pending().await,
            LaunchStep::Ok | LaunchStep::LostAnswer | LaunchStep::UnknownNotStarted => {
                Err(ExecutorError::unknown("launch: scripted lost answer"))
            }
        }
    }

    async fn adopt(
        &self,
        context: &Context,
        attempt: &Attempt<Script>,
        _request: &Request,
    ) -> Result<Option<ScriptedHandle>, ExecutorError> {
        context.budget.take(Call::Poll).await;
        self.world.pass(Effect::Adopt).await?;
        let call = format!("adopt {}", attempt.key);
        let step = self.world.change(|ledger| {
            let script = ledger.script_of(&attempt.task, &attempt.config);
            script.adopt.at(ledger.use_up(call))
        });
        match step {
            AdoptStep::Outage(outage) => Err(outage.error("adopt")),
            AdoptStep::Nothing => Ok(None),
            AdoptStep::Ok if attempt.config.attached => Ok(None),
            AdoptStep::Ok => Ok(self.world.look(|ledger| {
                let now = self.world.now();
                let mut works = ledger.indices(&attempt.key).iter().copied();
                works
                    .find(|&i| ledger.is_visible(i, now))
                    .map(|work| ScriptedHandle {
                        key: attempt.key.clone(),
                        work,
                    })
            })),
        }
    }

    async fn poll(
        &self,
        context: &Context,
        handles: &[ScriptedHandle],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        context.budget.take(Call::Poll).await;
        if let Err(error) = self.world.pass(Effect::Poll).await {
            return handles.iter().map(|_| Err(error.clone())).collect();
        }
        let deadline = self.world.now().saturating_add(patience);
        let steps: Vec<PollStep> = handles.iter().map(|h| self.poll_step(h)).collect();
        if steps.contains(&PollStep::Hang) {
            return std::future::pending().await;
        }
        let mut seen = self.world.subscribe();
        loop {
            seen.mark_unchanged();
            let (answers, changes): (Vec<_>, Vec<_>) = self.world.look(|ledger| {
                let pairs = handles.iter().zip(&steps);
                pairs
                    .map(|(h, step)| ledger.answer(h, step, self.world.now()))
                    .unzip()
            });
            if !answers.iter().all(is_waiting) || self.world.now() >= deadline {
                return answers;
            }
            let next = changes.into_iter().flatten().min();
            let next = next.map_or(deadline, |next| next.min(deadline));
            self.world.wait(&mut seen, Some(next)).await;
        }
    }

    async fn cancel(
        &self,
        context: &Context,
        handle: &ScriptedHandle,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        context.budget.take(Call::Poll).await;
        self.world.pass(Effect::Cancel).await?;
        let now = self.world.now();
        let call = format!("cancel {}", handle.key);
        let step = self.world.settle(|ledger| {
            let script = ledger.known(handle).map(|work| work.script.clone())?;
            let step = script.cancel.at(ledger.use_up(call));
            ledger.works[handle.work].apply(&step, now);
            Some(step)
        });
        if let Some(CancelStep::Outage(outage)) = step {
            return Err(outage.error("cancel"));
        }
        self.world.pass(Effect::Cancelled).await
    }

    async fn logs(
        &self,
        context: &Context,
        handle: &ScriptedHandle,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        context.budget.take(Call::Poll).await;
        self.world.pass(Effect::Logs).await?;
        let text = self.world.look(|ledger| {
            ledger
                .known(handle)
                .map_or_else(String::new, |work| work.script.log.clone())
        });
        let from = after
            .and_then(|cursor| cursor.0.parse::<usize>().ok())
            .unwrap_or_default()
            .min(text.len());
        let to = from.saturating_add(LOG_PAGE).min(text.len());
        Ok(LogPage {
            bytes: text.as_bytes()[from..to].to_vec(),
            next: Some(LogCursor(to.to_string())),
            drained: to == text.len(),
        })
    }

    async fn owned(
        &self,
        context: &Context,
        _places: &[Value],
    ) -> Result<Vec<Owned<ScriptedHandle>>, ExecutorError> {
        context.budget.take(Call::Poll).await;
        let mark = format!("n1-{}-", context.host.store_id);
        let now = self.world.now();
        Ok(self.world.look(|ledger| {
            let ours = |(index, work): (usize, &Work)| {
                let live = work.outcome(now).is_none() && ledger.is_visible(index, now);
                (live && work.key.as_str().starts_with(&mark)).then(|| Owned {
                    key: work.key.clone(),
                    handle: ScriptedHandle {
                        key: work.key.clone(),
                        work: index,
                    },
                    since: None,
                })
            };
            ledger.works.iter().enumerate().filter_map(ours).collect()
        }))
    }

    async fn release(
        &self,
        _context: &Context,
        handle: &ScriptedHandle,
    ) -> Result<(), ExecutorError> {
        self.world.pass(Effect::Release).await?;
        self.world.change(|ledger| {
            if let Some(work) = ledger.works.get_mut(handle.work) {
                work.releases += 1;
            }
        });
        Ok(())
    }
}
