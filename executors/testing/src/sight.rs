//! What the world shows of its work, at a moment that is given.

use std::time::Duration;

use noctule_executor::{ExecutorError, Finished, Status};

use crate::ledger::{Ledger, Work};
use crate::scripted::ScriptedHandle;
use crate::steps::PollStep;

/// The answer of a poll, and when it will next change by itself.
pub(crate) type Answer = (Result<Status, ExecutorError>, Option<Duration>);

pub(crate) fn is_waiting(answer: &Result<Status, ExecutorError>) -> bool {
    matches!(answer, Ok(Status::Launching | Status::Running { .. }))
}

impl Ledger {
    /// The work of a handle, while the world knows it.
    pub(crate) fn known(&self, handle: &ScriptedHandle) -> Option<&Work> {
        let work = self.works.get(handle.work)?;
        (work.key == handle.key && !work.forgotten).then_some(work)
    }

    /// Whether a search finds a piece of work.
    pub(crate) fn is_visible(&self, index: usize, now: Duration) -> bool {
        self.works.get(index).is_some_and(|work| {
            !work.forgotten && work.launched_at.saturating_add(work.script.visible_after.0) <= now
        })
    }

    /// The truth about one piece of work, and when it will next change by itself.
    pub(crate) fn status(
        &self,
        handle: &ScriptedHandle,
        now: Duration,
    ) -> (Status, Option<Duration>) {
        let Some(work) = self.known(handle) else {
            let reason = format!("the world knows no work of {}", handle.key);
            return (Status::Lost { reason }, None);
        };
        if let Some(outcome) = work.outcome(now) {
            return (Status::Finished(Finished::now(outcome.clone())), None);
        }
        let end = work.end.as_ref().map(|end| end.at);
        if now < work.launched_at.saturating_add(work.script.starts_after.0) {
            return (Status::Launching, end);
        }
        let running = Status::Running {
            started_at: None,
            poll_after: work.script.poll_after.map(|span| span.0),
        };
        (running, end)
    }

    /// What a poll says: the truth, unless the script says otherwise.
    pub(crate) fn answer(&self, handle: &ScriptedHandle, step: &PollStep, now: Duration) -> Answer {
        let said = match step {
            PollStep::Ok | PollStep::Hang => {
                let (status, next) = self.status(handle, now);
                return (Ok(status), next);
            }
            PollStep::Outage(outage) => Err(outage.error("poll")),
            PollStep::Launching => Ok(Status::Launching),
            PollStep::Running => Ok(Status::Running {
                started_at: None,
                poll_after: None,
            }),
            PollStep::Lost => Ok(Status::Lost {
                reason: "scripted loss".to_owned(),
            }),
        };
        (said, None)
    }
}
