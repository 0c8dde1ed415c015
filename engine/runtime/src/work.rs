//! Activities under way: each is a task of its own that performs calls of an executor and tells the engine what it saw.
//!
//! It decides nothing: every answer becomes an event. It may be dropped at any await; what it was about to say is then
//! asked again by whoever holds the run next.

use std::sync::Arc;
use std::time::Duration;

use noctule_core::name::RunId;
use noctule_core::run::{Activity, CANCEL_GRACE, Event, Handle, News, TaskRunIx};
use noctule_executor::{AnyExecutor, Attempt, Context, ExecutorError, Request, Status, Wait};
use noctule_store::Lease;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;

/// How long one blocking poll may wait for news.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pauses after failed polls and cancels grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A longer pause is not granted, whoever asks for it: an instant beyond the clock would end the engine.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// Work that was asked to stop and still runs is asked again this often.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// The longest wait for a look, whatever the clock showed when it was set.
const LONGEST_QUIET: Duration = Duration::from_secs(600);

/// An event of a run, told to the engine.
#[derive(Debug)]
pub(crate) struct Told {
    /// The run.
    pub(crate) run: RunId,
    /// What happened.
    pub(crate) event: Event,
}

/// One attempt, with all that its calls need.
#[derive(Clone)]
pub(crate) struct Work {
    /// The run.
    pub(crate) run: RunId,
    /// The task run.
    pub(crate) task: TaskRunIx,
    /// Its executor.
    pub(crate) executor: Arc<dyn AnyExecutor>,
    /// The surroundings of its calls.
    pub(crate) context: Context,
    /// The attempt, as the executor sees it.
    pub(crate) attempt: Attempt<Value>,
    /// The stored request.
    pub(crate) request: Request,
    /// How it waits.
    pub(crate) wait: Wait,
    /// The handle, once known.
    pub(crate) handle: Option<Handle>,
    /// The clock of the engine.
    pub(crate) clock: Clock,
    /// The right to act, looked at right before each call that starts something.
    pub(crate) lease: Lease,
    /// How long a host may say nothing.
    pub(crate) lost_after: Duration,
    /// Where to tell what is seen.
    pub(crate) tell: UnboundedSender<Told>,
}

impl Work {
    /// Performs an activity to its end.
    pub(crate) async fn perform(self, activity: Activity) {
        match activity {
            Activity::Launch { .. } => self.launch().await,
            Activity::Look { at, .. } => {
                // Not looked at again meanwhile: a clock that jumps ahead must not cut the quiet period short.
                let longest = tokio::time::Instant::now() + LONGEST_QUIET;
                tokio::time::sleep_until(self.clock.at(at).min(longest)).await;
                self.look().await;
            }
            Activity::Watch { .. } => self.watch(PATIENCE).await,
            Activity::Cancel { .. } => self.cancel().await,
        }
    }

    async fn launch(&self) {
        if !self.lease.is_trusted() {
            return;
        }
        let answer = self
            .executor
            .launch(&self.context, &self.attempt, &self.request)
            .await;
        self.say(match answer {
            Ok(raw) => News::Launched {
                handle: self.known_as(raw),
            },
            Err(error) => News::LaunchFailed { error },
        });
    }

    async fn look(&self) {
        let answer = self
            .executor
            .adopt(&self.context, &self.attempt, &self.request)
            .await;
        self.say(match answer {
            Ok(found) => News::Looked {
                found: found.map(|raw| self.known_as(raw)),
            },
            Err(error) => News::LookFailed { error },
        });
    }

    /// Asks until the end is seen; only news is told.
    async fn watch(&self, patience: Duration) {
        let Some(handle) = &self.handle else { return };
        let handles = [handle.raw.clone()];
        let mut failures = 0;
        let mut begun = false;
        let mut ear = Ear::default();
        loop {
            // Short turns while an answer may be news: `start_timeout` judges what the engine knows, and an alarm is to end.
            let newsworthy = !begun || failures > 0;
            let patience = if newsworthy {
                patience.min(PAUSES.0)
            } else {
                patience
            };
            // An answer may start the next thing: whoever holds the store now asks.
            if !self.lease.is_trusted() {
                return;
            }
            let mut answers = self.executor.poll(&self.context, &handles, patience).await;
            match answers.pop() {
                Some(Ok(Status::Advanced { handle })) => {
                    let handle = self.known_as(handle);
                    return self.say(News::Advanced { handle });
                }
                Some(Ok(Status::Elsewhere { host })) => {
                    let news = ear.unheard(host, self.lost_after);
                    news.into_iter().for_each(|news| self.say(news));
                    tokio::time::sleep(step(self.lost_after).min(PAUSES.1)).await;
                }
                Some(Ok(status)) if is_last(&status) => {
                    return self.say(News::Polled { status });
                }
                Some(Ok(status)) => {
                    let after_failure = std::mem::take(&mut failures) > 0;
                    let begins = matches!(status, Status::Running { .. })
                        && !std::mem::replace(&mut begun, true);
                    let rest = rest_after(&status, patience);
                    if begins || after_failure {
                        self.say(News::Polled { status });
                    }
                    tokio::time::sleep(rest).await;
                }
                answer => {
                    let error = answer
                        .and_then(Result::err)
                        .unwrap_or_else(|| ExecutorError::unavailable("no answer"));
                    failures += 1;
                    let pause = pause(failures, &error);
                    self.say(News::PollFailed { error });
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Asks the work to stop until somebody has heard it, then until its end is seen.
    async fn cancel(&self) {
        let Some(handle) = &self.handle else { return };
        let mut failures = 0;
        loop {
            match self
                .executor
                .cancel(&self.context, &handle.raw, CANCEL_GRACE)
                .await
            {
                Ok(()) => {
                    failures = 0;
                    // The end is told by the watch; a watch that outlasts its time asks again.
                    if tokio::time::timeout(ASK_AGAIN, self.watch(Duration::from_secs(5)))
                        .await
                        .is_ok()
                    {
                        return;
                    }
                }
                Err(error) => {
                    failures += 1;
                    // What nobody can stop now may end by itself.
                    let rest = pause(failures, &error);
                    let watch = self.watch(Duration::from_secs(5));
                    if tokio::time::timeout(rest, watch).await.is_ok() {
                        return;
                    }
                }
            }
        }
    }

    pub(crate) fn known_as(&self, raw: Value) -> Handle {
        let public = self.executor.public_handle(&raw);
        Handle {
            advances: 0,
            raw,
            public,
        }
    }

    fn say(&self, news: News) {
        let event = Event::News {
            task: self.task,
            attempt: self.attempt.number,
            news,
        };
        // An engine that is gone has nothing to be told; the next one asks again.
        drop(self.tell.send(Told {
            run: self.run.clone(),
            event,
        }));
    }
}

/// Listens for a host that says nothing, by a clock that does not jump.
#[derive(Default)]
pub(crate) struct Ear(Option<tokio::time::Instant>);

impl Ear {
    /// What there is to say of its silence: at first, and then a few times until it is too long, so that it is not written
    /// down at each poll.
    pub(crate) fn unheard(&mut self, host: String, lost_after: Duration) -> Option<News> {
        let listened = self.0.map(|since| since.elapsed());
        if listened.is_some_and(|listened| listened < step(lost_after)) {
            return None;
        }
        self.0 = Some(tokio::time::Instant::now());
        Some(News::Unheard {
            host,
            listened: listened.unwrap_or_default(),
            lost_after,
        })
    }
}

/// The steps in which silence is counted.
fn step(lost_after: Duration) -> Duration {
    lost_after / 10
}

/// Whether there is nothing more to ask after this.
pub(crate) fn is_last(status: &Status) -> bool {
    matches!(
        status,
        Status::Finished(_) | Status::Lost { .. } | Status::Ready { .. }
    )
}

/// An executor that answers before its patience is over must not be asked in a busy loop.
fn rest_after(status: &Status, patience: Duration) -> Duration {
    match status {
        Status::Running {
            poll_after: Some(rest),
            ..
        } => granted(*rest),
        _ if patience.is_zero() => PAUSES.0,
        _ => Duration::from_millis(10),
    }
}

/// As much of a pause as is granted to a backend that asks for one.
pub(crate) fn granted(asked: Duration) -> Duration {
    asked.min(LONGEST_ASKED)
}

pub(crate) fn pause(failures: u32, error: &ExecutorError) -> Duration {
    if let ExecutorError::Throttled {
        retry_after: Some(asked),
        ..
    } = error
    {
        return granted(*asked);
    }
    let (first, longest) = PAUSES;
    first
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(longest)
}
