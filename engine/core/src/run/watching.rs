//! What polls tell about an attempt. A failed poll is no verdict; only an alarm is news, and only once.

use noctule_executor::{ErrorClass, ExecutorError, Finished, Outcome, Status};

use super::attempt::{AttemptEnd, AttemptState, Handle};
use super::ending::Conclusion;
use super::record::Fact;
use super::state::{Instant, TaskRunIx};
use super::transition::Turn;
use crate::planted::{self, Bug};

impl Turn<'_> {
    pub(super) fn polled(&mut self, ix: TaskRunIx, status: Status) {
        self.alarm_over(ix);
        match status {
            // A new handle comes as news of its own, versioned.
            Status::Launching | Status::Advanced { .. } | Status::Elsewhere { .. } => {}
            Status::Running { started_at, .. } => self.began(ix, started_at),
            Status::Ready { output } => {
                self.finished(ix, Finished::now(Outcome::Succeeded { output }));
            }
            Status::Finished(finished) => self.finished(ix, finished),
            Status::Lost { reason } => {
                let end = AttemptEnd::Failed {
                    class: ErrorClass::Lost,
                    message: reason,
                    output: None,
                };
                self.conclude(ix, Conclusion::of(end));
            }
        }
    }

    /// The next step towards the end is taken only after the handle that names it is durable: this makes it part of the step.
    pub(super) fn advanced(&mut self, ix: TaskRunIx, handle: Handle) {
        let Some(attempt) = self.live(ix) else { return };
        let number = attempt.number;
        let old = match &mut attempt.state {
            AttemptState::Running(work) => &mut work.handle,
            AttemptState::Cancelling(work) => &mut work.handle,
            AttemptState::Launching(_) | AttemptState::Ended(_) => return,
        };
        let advances = old.advances + 1;
        let public = handle.public.clone();
        let handle = Handle { advances, ..handle };
        *old = handle.clone();
        self.oblige_further(ix, number, &handle);
        self.record(ix, Fact::Advanced { handle: public });
    }

    fn began(&mut self, ix: TaskRunIx, at: Option<Instant>) {
        let now = self.now;
        let known = self.run.tasks[ix.index()]
            .live()
            .is_some_and(|attempt| match &attempt.state {
                AttemptState::Running(running) => running.started_at.is_some(),
                AttemptState::Cancelling(cancelling) => cancelling.started_at.is_some(),
                AttemptState::Launching(_) | AttemptState::Ended(_) => true,
            });
        if known {
            return;
        }
        match self.live(ix).map(|attempt| &mut attempt.state) {
            Some(AttemptState::Running(running)) => running.started_at = at.or(Some(now)),
            Some(AttemptState::Cancelling(cancelling)) => cancelling.started_at = at.or(Some(now)),
            _ => return,
        }
        self.record(ix, Fact::Started);
    }

    fn alarm_over(&mut self, ix: TaskRunIx) {
        let alarmed = self.run.tasks[ix.index()]
            .live()
            .is_some_and(|attempt| matches!(&attempt.state, AttemptState::Running(running) if running.alarm.is_some()));
        if !alarmed {
            return;
        }
        if let Some(AttemptState::Running(running)) =
            self.live(ix).map(|attempt| &mut attempt.state)
        {
            running.alarm = None;
            running.silence = None;
        }
        self.record(ix, Fact::AlarmOver);
    }

    /// Only an alarm is news, and only once.
    pub(super) fn poll_failed(&mut self, ix: TaskRunIx, error: &ExecutorError) {
        if planted::is(Bug::SilenceIsLoss) {
            let reason = error.to_string();
            return self.polled(ix, Status::Lost { reason });
        }
        let (ExecutorError::Unavailable {
            message,
            alarm: true,
        }
        | ExecutorError::Rejected { message, .. }) = error
        else {
            return;
        };
        let known = self.run.tasks[ix.index()]
            .live()
            .is_none_or(|attempt| match &attempt.state {
                AttemptState::Running(running) => running.alarm.as_ref() == Some(message),
                _ => true,
            });
        if known {
            return;
        }
        if let Some(AttemptState::Running(running)) =
            self.live(ix).map(|attempt| &mut attempt.state)
        {
            running.alarm = Some(message.clone());
        }
        self.record(
            ix,
            Fact::Alarm {
                message: message.clone(),
            },
        );
    }
}
