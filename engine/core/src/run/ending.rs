//! How attempts end: polls, verdicts, the task's own judgement, and what the end means for the task.
//!
//! Success is the executor's verdict on the remote record, then `skip_when`, then `success`. A failed poll is no verdict.

use noctule_executor::{ErrorClass, Finished, Outcome};
use serde_json::Value;

use super::attempt::{Attempt, AttemptEnd, AttemptState, AttemptStop, Ended, Handle, Nature};
use super::record::Fact;
use super::state::{Instant, TaskRunIx, TaskState, Verdict};
use super::transition::{Turn, after};
use crate::dag::OnUnknown;
use crate::planted::{self, Bug};

/// An end with the times that the backend told.
pub(super) struct Conclusion {
    pub(super) end: AttemptEnd,
    pub(super) started_at: Option<Instant>,
    pub(super) ended_at: Option<Instant>,
}

impl Conclusion {
    pub(super) fn of(end: AttemptEnd) -> Self {
        Self {
            end,
            started_at: None,
            ended_at: None,
        }
    }
}

impl Turn<'_> {
    pub(super) fn finished(&mut self, ix: TaskRunIx, finished: Finished) {
        let Finished {
            outcome,
            started_at,
            ended_at,
        } = finished;
        let stop = self.run.tasks[ix.index()]
            .live()
            .and_then(|attempt| match &attempt.state {
                AttemptState::Cancelling(cancelling) => Some(cancelling.stop.why.clone()),
                _ => None,
            });
        let succeeded = matches!(outcome, Outcome::Succeeded { .. });
        match stop {
            Some(stop) if !succeeded => {
                let conclusion = Conclusion {
                    end: self.stopped(ix, &stop, outcome.output().cloned()),
                    started_at,
                    ended_at,
                };
                self.conclude(ix, conclusion);
            }
            _ => {
                let end = self.judged_end(ix, outcome);
                self.conclude(
                    ix,
                    Conclusion {
                        end,
                        started_at,
                        ended_at,
                    },
                );
            }
        }
    }

    /// The executor's verdict, then `skip_when` on anything that has output, then `success` on a success.
    fn judged_end(&self, ix: TaskRunIx, outcome: Outcome) -> AttemptEnd {
        let task = self.definition(ix);
        if let (Some(expression), Some(output)) = (&task.skip_when, outcome.output()) {
            match self
                .port
                .holds(self.dag, self.run, ix, expression, Some(output))
            {
                Ok(true) => {
                    return AttemptEnd::Skipped {
                        output: Some(output.clone()),
                    };
                }
                Ok(false) => {}
                Err(error) => {
                    return config(format!("`skip_when`: {error}"), outcome.output().cloned());
                }
            }
        }
        match outcome {
            Outcome::Failed { output, .. } if planted::is(Bug::DoneIsSuccess) => {
                self.judged_success(ix, output.unwrap_or_default())
            }
            Outcome::Failed {
                class,
                message,
                output,
            } => AttemptEnd::Failed {
                class,
                message,
                output,
            },
            Outcome::Cancelled { by, output } => {
                let by = by.map_or_else(String::new, |by| format!(" by {by}"));
                AttemptEnd::Cancelled {
                    message: format!("cancelled from outside{by}"),
                    output,
                }
            }
            Outcome::Succeeded { output } => self.judged_success(ix, output),
        }
    }

    fn judged_success(&self, ix: TaskRunIx, output: Value) -> AttemptEnd {
        let Some(expression) = &self.definition(ix).success else {
            return AttemptEnd::Succeeded { output };
        };
        match self
            .port
            .holds(self.dag, self.run, ix, expression, Some(&output))
        {
            Ok(true) => AttemptEnd::Succeeded { output },
            Ok(false) => {
                let message = format!("`success` is false: {expression}");
                AttemptEnd::Failed {
                    class: ErrorClass::User,
                    message,
                    output: Some(output),
                }
            }
            Err(error) => config(format!("`success`: {error}"), Some(output)),
        }
    }

    /// How stopped work ended, once it has.
    fn stopped(&self, ix: TaskRunIx, stop: &AttemptStop, output: Option<Value>) -> AttemptEnd {
        let task = self.definition(ix);
        let timed_out = |message: String, output| AttemptEnd::TimedOut { message, output };
        let span = |span: Option<std::time::Duration>| {
            span.map_or_else(String::new, |span| {
                format!(" of {}", crate::ticks::format_duration(span))
            })
        };
        match stop {
            AttemptStop::RunCancelled => AttemptEnd::Cancelled {
                message: "the run was cancelled".to_owned(),
                output,
            },
            AttemptStop::Marked { verdict, by } => AttemptEnd::Cancelled {
                message: format!("stopped: {} marked it {}", by.name, verdict.word()),
                output,
            },
            AttemptStop::RunDeadline => {
                timed_out("the deadline of the run passed".to_owned(), output)
            }
            AttemptStop::Timeout => {
                timed_out(format!("its timeout{} passed", span(task.timeout)), output)
            }
            AttemptStop::TotalTimeout => timed_out(
                format!("its total_timeout{} passed", span(task.total_timeout)),
                output,
            ),
            AttemptStop::StartTimeout => {
                let message = format!(
                    "it did not begin within its start_timeout{}",
                    span(task.start_timeout)
                );
                AttemptEnd::Failed {
                    class: ErrorClass::NeverStarted,
                    message,
                    output,
                }
            }
        }
    }

    pub(super) fn conclude_stop(
        &mut self,
        ix: TaskRunIx,
        stop: &AttemptStop,
        output: Option<Value>,
    ) {
        let end = self.stopped(ix, stop, output);
        self.conclude(ix, Conclusion::of(end));
    }

    /// Ends the live attempt and decides what that means for the task.
    pub(super) fn conclude(&mut self, ix: TaskRunIx, conclusion: Conclusion) {
        let stop = self.run.tasks[ix.index()].live().and_then(stop_of);
        if let Some(end) = self.close(ix, conclusion) {
            self.decide(ix, &end, stop);
        }
    }

    /// Ends the live attempt as stopped, and leaves the task to the caller.
    pub(super) fn close_stopped(&mut self, ix: TaskRunIx, stop: &AttemptStop) {
        let end = self.stopped(ix, stop, None);
        self.close(ix, Conclusion::of(end));
    }

    fn close(&mut self, ix: TaskRunIx, conclusion: Conclusion) -> Option<AttemptEnd> {
        let now = self.now;
        let attempt = self.live(ix)?;
        let known = known_work(attempt);
        let ended = Ended {
            end: conclusion.end,
            handle: known.handle,
            launched_at: known.launched_at,
            started_at: conclusion.started_at.or(known.started_at),
            ended_at: conclusion.ended_at.unwrap_or(now),
        };
        let fact = fact(&ended.end);
        let end = ended.end.clone();
        attempt.state = AttemptState::Ended(ended);
        let number = attempt.number;
        self.record(ix, fact);
        let succeeded = matches!(end, AttemptEnd::Succeeded { .. });
        self.attempt_over(ix, number, succeeded);
        Some(end)
    }

    fn decide(&mut self, ix: TaskRunIx, end: &AttemptEnd, stop: Option<AttemptStop>) {
        if let Some(AttemptStop::Marked { verdict, by }) = stop {
            return self.end_marked(ix, verdict, by);
        }
        match end {
            AttemptEnd::Succeeded { .. } => self.end_task(ix, Verdict::Succeeded, None),
            AttemptEnd::Skipped { .. } => {
                self.end_task(ix, Verdict::Skipped, Some("`skip_when` is true".to_owned()));
            }
            AttemptEnd::Cancelled { .. } => self.end_task(ix, Verdict::Cancelled, None),
            AttemptEnd::Failed { class, .. } => self.retry_or(ix, *class, Verdict::Failed),
            AttemptEnd::TimedOut { .. } if stop == Some(AttemptStop::Timeout) => {
                // What became of a call whose connection we closed is unknown, so `on_unknown` has the word.
                let attached = self.run.tasks[ix.index()]
                    .attempts
                    .last()
                    .map(|attempt| attempt.prepared.nature);
                let unknown = attached == Some(Nature::Attached);
                let class = if unknown {
                    ErrorClass::Unknown
                } else {
                    ErrorClass::TimedOut
                };
                self.retry_or(ix, class, Verdict::TimedOut);
            }
            AttemptEnd::TimedOut { .. } => self.end_task(ix, Verdict::TimedOut, None),
        }
    }

    fn retry_or(&mut self, ix: TaskRunIx, class: ErrorClass, verdict: Verdict) {
        match self.next_try(ix, class) {
            Some(until) => {
                self.record(ix, Fact::TaskBackoff { until });
                self.set_state(ix, TaskState::Backoff { until });
            }
            None => self.end_task(ix, verdict, None),
        }
    }

    /// When the next try may begin, if the task's retries, its time and the run allow one.
    fn next_try(&self, ix: TaskRunIx, class: ErrorClass) -> Option<Instant> {
        let (task, run) = (self.definition(ix), &self.run.tasks[ix.index()]);
        let unknown = class == ErrorClass::Unknown && task.on_unknown == OnUnknown::Retry;
        let allowed = if unknown {
            task.retries.max.max(1)
        } else {
            task.retries.max
        };
        let tries = u32::try_from(run.attempts.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(run.earlier + u32::from(planted::is(Bug::RetryTooMany)));
        if self.run.is_stopping()
            || tries > allowed
            || !(unknown || task.retries.on.contains(&class))
        {
            return None;
        }
        let until = after(self.now, Some(pause(&task.retries, tries)))?;
        run.give_up_at
            .is_none_or(|end| until < end)
            .then_some(until)
    }
}

fn pause(retries: &crate::dag::Retries, tries: u32) -> std::time::Duration {
    let exponent = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = retries.delay.as_secs_f64() * retries.backoff.powi(exponent);
    let longest = retries.max_delay.max(retries.delay);
    // A negative, infinite or undefined product means the longest pause.
    std::time::Duration::try_from_secs_f64(seconds).map_or(longest, |pause| pause.min(longest))
}

struct KnownWork {
    handle: Option<Handle>,
    launched_at: Option<Instant>,
    started_at: Option<Instant>,
}

fn known_work(attempt: &Attempt) -> KnownWork {
    let known = |handle: &Handle, launched_at: &Instant, started_at: &Option<Instant>| KnownWork {
        handle: Some(handle.clone()),
        launched_at: Some(*launched_at),
        started_at: *started_at,
    };
    match &attempt.state {
        AttemptState::Running(work) => known(&work.handle, &work.launched_at, &work.started_at),
        AttemptState::Cancelling(work) => known(&work.handle, &work.launched_at, &work.started_at),
        AttemptState::Launching(_) | AttemptState::Ended(_) => KnownWork {
            handle: None,
            launched_at: None,
            started_at: None,
        },
    }
}

fn stop_of(attempt: &Attempt) -> Option<AttemptStop> {
    match &attempt.state {
        AttemptState::Launching(launching) => launching.stop.as_ref().map(|stop| stop.why.clone()),
        AttemptState::Cancelling(cancelling) => Some(cancelling.stop.why.clone()),
        AttemptState::Running(_) | AttemptState::Ended(_) => None,
    }
}

fn config(message: String, output: Option<Value>) -> AttemptEnd {
    AttemptEnd::Failed {
        class: ErrorClass::Config,
        message,
        output,
    }
}

fn fact(end: &AttemptEnd) -> Fact {
    let (class, message) = match end {
        AttemptEnd::Succeeded { .. } | AttemptEnd::Skipped { .. } => (None, None),
        AttemptEnd::Failed { class, message, .. } => (Some(*class), Some(message.clone())),
        AttemptEnd::Cancelled { message, .. } => {
            (Some(ErrorClass::Cancelled), Some(message.clone()))
        }
        AttemptEnd::TimedOut { message, .. } => (Some(ErrorClass::TimedOut), Some(message.clone())),
    };
    Fact::AttemptEnded {
        state: end.word().to_owned(),
        class,
        message,
    }
}
