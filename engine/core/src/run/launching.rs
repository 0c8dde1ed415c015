//! The launch protocol: at most one launch for each attempt, whatever is lost.
//!
//! A refusal is definite and ends the attempt, or waits where the backend asked for it. An unknown outcome is searched
//! for, or sent again under the same key, or said to be unknown: by what the executor can promise. An attempt that is to
//! stop is never sent again; the search goes on through the quiet period, and what is found is cancelled.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Recovery, Wait};

use super::attempt::{
    AttemptEnd, AttemptState, CANCEL_GRACE, CANCEL_PATIENCE, Cancelling, Handle, LaunchStep,
    Launching, Nature, Running, Stopping,
};
use super::ending::Conclusion;
use super::obligation::{Duty, Obligation};
use super::record::Fact;
use super::state::{Instant, TaskRunIx};
use super::transition::{LONGEST_ASKED, Turn, after, pause};
use crate::planted::{self, Bug};

/// How often a backend that cannot be reached is tried before the attempt fails: about half a minute with the pauses below.
const REACH_TRIES: u32 = 6;
/// How often a launch of unknown outcome is sent again where that is harmless.
const RESEND_TRIES: u32 = 20;

impl Turn<'_> {
    /// The work is known, by the answer of the launch or by a search.
    pub(super) fn found(&mut self, ix: TaskRunIx, handle: Handle, adopted: bool) {
        let now = self.now;
        let Some(attempt) = self.live(ix) else { return };
        let AttemptState::Launching(launching) = &attempt.state else {
            let what = format!("the work is known as {}", handle.public);
            return self.record(ix, Fact::LateAnswer { what });
        };
        let public = handle.public.clone();
        let detached = attempt.prepared.wait == Wait::Detach;
        let obligation = attempt.prepared.obliges.then(|| Obligation {
            attempt: attempt.number,
            handle: handle.clone(),
            connection: attempt.prepared.connection.clone(),
            duty: Duty::Held,
        });
        match launching.stop.clone() {
            Some(stop) => {
                attempt.state = AttemptState::Cancelling(cancelling(handle, now, None, stop, now));
            }
            None => {
                let running = Running {
                    handle,
                    launched_at: now,
                    started_at: None,
                    alarm: None,
                    silence: None,
                };
                attempt.state = AttemptState::Running(running);
            }
        }
        let stopping = matches!(attempt.state, AttemptState::Cancelling(_));
        // What the work may leave behind is, from this step on, an obligation.
        self.run.tasks[ix.index()].obligations.extend(obligation);
        self.record(
            ix,
            Fact::Launched {
                adopted,
                handle: public.clone(),
            },
        );
        if detached && !stopping {
            self.conclude(ix, Conclusion::of(AttemptEnd::Succeeded { output: public }));
        }
    }

    pub(super) fn launch_failed(&mut self, ix: TaskRunIx, error: ExecutorError) {
        let Some(attempt) = self.live(ix) else { return };
        let AttemptState::Launching(launching) = &mut attempt.state else {
            return;
        };
        let stop = launching.stop.clone();
        let nature = attempt.prepared.nature;
        let resent = attempt.prepared.recovery == Recovery::Resend && nature != Nature::Sensor;
        // This send did not happen; an earlier one of the same attempt may have.
        let sent_before = launching.sends > 1;
        match (error, stop) {
            (ExecutorError::Unknown { message }, _) => self.launch_unknown(ix, message),
            (
                ExecutorError::Throttled { message, .. }
                | ExecutorError::Unavailable { message, .. },
                Some(_),
            ) if sent_before => {
                self.launch_unknown(ix, message);
            }
            // The refusal is of the second request; a look tells what became of the first.
            (ExecutorError::Rejected { class, message }, _) if sent_before && resent => {
                launching.refused = Some(class);
                launching.trouble = Some(message.clone());
                let now = self.now;
                self.search(ix, message, now);
            }
            (_, Some(stop)) => self.conclude_stop(ix, &stop.why, None),
            (ExecutorError::Rejected { class, message }, None) => {
                self.conclude(
                    ix,
                    Conclusion::of(AttemptEnd::Failed {
                        class,
                        message,
                        output: None,
                    }),
                );
            }
            (
                ExecutorError::Throttled {
                    retry_after,
                    message,
                },
                None,
            ) => self.rest(ix, retry_after, message),
            (ExecutorError::Unavailable { message, .. }, None) => self.out_of_reach(ix, message),
        }
    }

    fn out_of_reach(&mut self, ix: TaskRunIx, message: String) {
        let (tries, sends) = self
            .launching(ix)
            .map_or((0, 0), |launching| (launching.tries, launching.sends));
        // After an earlier send the work may be there: only an answer, or a deadline, ends this then.
        if sends > 1 || tries < REACH_TRIES {
            return self.rest(ix, None, message);
        }
        let message = format!("the backend could not be reached in {tries} tries: {message}");
        self.conclude(
            ix,
            Conclusion::of(AttemptEnd::Failed {
                class: ErrorClass::Infrastructure,
                message,
                output: None,
            }),
        );
    }

    /// Surely not started: the same request is sent again later, and no retry is used up.
    fn rest(&mut self, ix: TaskRunIx, asked: Option<Duration>, message: String) {
        let now = self.now;
        let Some(launching) = self.launching(ix) else {
            return;
        };
        let pause = asked.map_or_else(|| pause(launching.tries), |asked| asked.min(LONGEST_ASKED));
        let again_at = after(now, Some(pause)).unwrap_or(now);
        launching.tries += 1;
        launching.step = LaunchStep::Send {
            not_before: Some(again_at),
        };
        launching.trouble = Some(message.clone());
        self.record(ix, Fact::LaunchTrouble { message, again_at });
    }

    /// The work may have been started, and nobody has said so.
    pub(super) fn launch_unknown(&mut self, ix: TaskRunIx, message: String) {
        let now = self.now;
        let Some(attempt) = self.live(ix) else { return };
        let recovery = attempt.prepared.recovery.clone();
        let AttemptState::Launching(launching) = &mut attempt.state else {
            return;
        };
        launching.sent_at = now;
        launching.trouble = Some(message.clone());
        let stopping = launching.stop.is_some();
        let recovery = match recovery {
            Recovery::Never if planted::is(Bug::UnknownIsSentAgain) => Recovery::Resend,
            Recovery::Search { .. } if planted::is(Bug::SearchIsSkipped) => Recovery::Resend,
            recovery => recovery,
        };
        match recovery {
            Recovery::Search { after: looks } => {
                let at = looks
                    .first()
                    .and_then(|first| after(now, Some(*first)))
                    .unwrap_or(now);
                self.search(ix, message, at);
            }
            Recovery::Resend if stopping => self.search(ix, message, now),
            Recovery::Resend if launching.tries < RESEND_TRIES => {
                launching.sends += 1;
                self.rest(ix, None, message);
            }
            Recovery::Resend | Recovery::Never => self.conclude_unknown(ix, &message),
        }
    }

    pub(super) fn search(&mut self, ix: TaskRunIx, message: String, look_at: Instant) {
        let Some(launching) = self.launching(ix) else {
            return;
        };
        launching.tries += 1;
        launching.step = LaunchStep::Look {
            look: 0,
            at: look_at,
        };
        self.record(ix, Fact::Searching { message, look_at });
    }

    pub(super) fn conclude_unknown(&mut self, ix: TaskRunIx, message: &str) {
        let message = format!("nobody can tell whether the work was started: {message}");
        self.conclude(
            ix,
            Conclusion::of(AttemptEnd::Failed {
                class: ErrorClass::Unknown,
                message,
                output: None,
            }),
        );
    }

    pub(super) fn found_nothing(&mut self, ix: TaskRunIx) {
        let now = self.now;
        let Some(attempt) = self.live(ix) else { return };
        let looks = match &attempt.prepared.recovery {
            Recovery::Search { after } => after.clone(),
            Recovery::Resend | Recovery::Never => Vec::new(),
        };
        let AttemptState::Launching(launching) = &mut attempt.state else {
            return;
        };
        let LaunchStep::Look { look, .. } = launching.step else {
            return;
        };
        launching.tries += 1;
        let enough = planted::is(Bug::FirstListIsBelieved);
        if let Some(next) = looks.get(look as usize + 1).filter(|_| !enough) {
            // Counted from this look: a clock that jumps shortens one gap of the quiet period, and not all of it.
            let before = looks.get(look as usize).copied().unwrap_or_default();
            let at = after(now, Some(next.saturating_sub(before))).unwrap_or(now);
            launching.step = LaunchStep::Look { look: look + 1, at };
            return;
        }
        let message = launching.trouble.clone().unwrap_or_default();
        match (launching.stop.clone(), launching.refused) {
            (Some(stop), _) => self.conclude_stop(ix, &stop.why, None),
            (None, Some(class)) => {
                let output = None;
                let end = AttemptEnd::Failed {
                    class,
                    message,
                    output,
                };
                self.conclude(ix, Conclusion::of(end));
            }
            (None, None) => self.send_again(ix),
        }
    }

    /// The quiet period is over and a search that could have found the work did not: the same request goes out once more.
    fn send_again(&mut self, ix: TaskRunIx) {
        let now = self.now;
        let Some(launching) = self.launching(ix) else {
            return;
        };
        launching.sends += 1;
        launching.sent_at = now;
        launching.step = LaunchStep::Send { not_before: None };
        if let Some(attempt) = self.live(ix).filter(|_| planted::is(Bug::ResendHasNewKey)) {
            attempt.key = noctule_executor::AttemptKey::from_text(format!("{}-2", attempt.key));
        }
        self.record(ix, Fact::SentAgain);
    }

    /// A search that could not be made is no evidence: the same look is made again later.
    /// One that was made, and says that nobody will ever know, is the end.
    pub(super) fn look_failed(&mut self, ix: TaskRunIx, error: &ExecutorError) {
        if let ExecutorError::Rejected {
            class: ErrorClass::Unknown,
            message,
        } = error
        {
            return self.conclude_unknown(ix, message);
        }
        let now = self.now;
        if planted::is(Bug::FailedSearchIsEvidence) {
            return self.found_nothing(ix);
        }
        let asked = match error {
            ExecutorError::Throttled { retry_after, .. } => *retry_after,
            _ => None,
        };
        let Some(launching) = self.launching(ix) else {
            return;
        };
        let LaunchStep::Look { look, .. } = launching.step else {
            return;
        };
        let at = after(now, Some(asked.unwrap_or_else(|| pause(launching.tries)))).unwrap_or(now);
        launching.tries += 1;
        launching.trouble = Some(error.to_string());
        launching.step = LaunchStep::Look { look, at };
    }

    /// A fresh engine: a request that was being sent may have arrived or not. One that was resting was surely not sent.
    pub(super) fn resume(&mut self, ix: TaskRunIx) {
        let Some(launching) = self.launching_untouched(ix) else {
            return;
        };
        match &launching.step {
            LaunchStep::Send {
                not_before: Some(_),
            }
            | LaunchStep::Look { .. } => {}
            LaunchStep::Send { .. } if planted::is(Bug::RestartIsIgnored) => {}
            LaunchStep::Send { .. } => self.launch_unknown_after_restart(ix),
        }
    }

    fn launch_unknown_after_restart(&mut self, ix: TaskRunIx) {
        let now = self.now;
        let message = "the engine ended while the request was being sent".to_owned();
        let Some(attempt) = self.live(ix) else { return };
        let resend = attempt.prepared.recovery == Recovery::Resend;
        let AttemptState::Launching(launching) = &mut attempt.state else {
            return;
        };
        if resend && launching.stop.is_none() {
            launching.sends += 1;
            launching.tries += 1;
            launching.sent_at = now;
            launching.step = LaunchStep::Send { not_before: None };
            return self.record(
                ix,
                Fact::LaunchTrouble {
                    message,
                    again_at: now,
                },
            );
        }
        self.launch_unknown(ix, message);
    }

    /// The rest is over: from the commit of this step on the request may be sent.
    pub(super) fn rested(&mut self, ix: TaskRunIx) {
        if let Some(launching) = self.launching(ix) {
            launching.step = LaunchStep::Send { not_before: None };
        }
    }

    fn launching_untouched(&self, ix: TaskRunIx) -> Option<&Launching> {
        match &self.run.tasks[ix.index()].live()?.state {
            AttemptState::Launching(launching) => Some(launching),
            _ => None,
        }
    }

    pub(super) fn launching(&mut self, ix: TaskRunIx) -> Option<&mut Launching> {
        match &mut self.live(ix)?.state {
            AttemptState::Launching(launching) => Some(launching),
            _ => None,
        }
    }
}

/// Work that is to be stopped from now on.
pub(super) fn cancelling(
    handle: Handle,
    launched_at: Instant,
    started_at: Option<Instant>,
    stop: Stopping,
    now: Instant,
) -> Cancelling {
    let kill_at = after(now, Some(CANCEL_GRACE + CANCEL_PATIENCE)).unwrap_or(now);
    Cancelling {
        handle,
        launched_at,
        started_at,
        stop,
        kill_at,
    }
}
