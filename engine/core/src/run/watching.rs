//! What polls tell about an attempt. A failed poll is no verdict; only an alarm is news, and only once.

use noctule_executor::{ErrorClass, ExecutorError, Status};

use super::attempt::{AttemptEnd, AttemptState};
use super::ending::Conclusion;
use super::record::Fact;
use super::state::{Instant, TaskRunIx};
use super::transition::Turn;

impl Turn<'_> {
    pub(super) fn polled(&mut self, ix: TaskRunIx, status: Status) {
        self.alarm_over(ix);
        match status {
            Status::Launching => {}
            Status::Running { started_at, .. } => self.began(ix, started_at),
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
        }
        self.record(ix, Fact::AlarmOver);
    }

    /// Only an alarm is news, and only once.
    pub(super) fn poll_failed(&mut self, ix: TaskRunIx, error: &ExecutorError) {
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
