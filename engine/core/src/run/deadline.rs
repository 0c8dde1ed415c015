//! Deadlines: stored instants. When one passes, the work is stopped, its end awaited (bounded), and the truth recorded.

use super::attempt::AttemptEnd;
use super::attempt::{
    Attempt, AttemptState, AttemptStop, CANCEL_PATIENCE, LaunchStep, Nature, Stopping,
};
use super::launching::cancelling;
use super::record::Fact;
use super::state::{Instant, Phase, StopWhy, TaskRun, TaskRunIx, TaskState, Verdict};
use super::transition::{Turn, after};
use crate::planted::{self, Bug};

impl Turn<'_> {
    /// Does all that stored instants ask for by now.
    pub(super) fn due(&mut self) {
        if let Phase::Running {
            deadline: Some(deadline),
            stop: None,
            ..
        } = self.run.phase
            && deadline <= self.now
            && !planted::is(Bug::RunDeadlineIsMissed)
        {
            self.stop_run(StopWhy::Deadline);
        }
        for ix in self.all() {
            self.task_due(ix);
        }
    }

    fn task_due(&mut self, ix: TaskRunIx) {
        let run = &self.run.tasks[ix.index()];
        let given_up = run.give_up_at.is_some_and(|at| at <= self.now);
        match &run.state {
            TaskState::Ready { .. } | TaskState::Backoff { .. } if given_up => {
                self.end_task(
                    ix,
                    Verdict::TimedOut,
                    Some("its total_timeout passed".to_owned()),
                );
            }
            TaskState::Backoff { until }
                if *until <= self.now || planted::is(Bug::BackoffIsCut) =>
            {
                self.ready(ix);
            }
            TaskState::Active => self.attempt_due(ix, given_up),
            _ => {}
        }
    }

    fn attempt_due(&mut self, ix: TaskRunIx, given_up: bool) {
        let Some(attempt) = self.run.tasks[ix.index()].live() else {
            return;
        };
        match &attempt.state {
            AttemptState::Cancelling(cancelling) if cancelling.kill_at <= self.now => {
                self.end_unseen(ix);
            }
            AttemptState::Launching(launching) if launching.stop.is_some() => {
                if stop_patience(launching.stop.as_ref()).is_some_and(|end| end <= self.now) {
                    let trouble = launching
                        .trouble
                        .clone()
                        .unwrap_or_else(|| "the launch was not answered".to_owned());
                    self.conclude_unknown(ix, &trouble);
                }
            }
            AttemptState::Launching(_) | AttemptState::Running(_) => {
                let rested = rests_until(attempt).is_some_and(|at| at <= self.now);
                if let Some(why) = passed(attempt, given_up, self.now) {
                    self.stop_attempt(ix, why);
                } else if rested {
                    self.rested(ix);
                }
            }
            AttemptState::Cancelling(_) | AttemptState::Ended(_) => {}
        }
    }

    fn end_unseen(&mut self, ix: TaskRunIx) {
        let message = "it was asked to stop, and its end was not seen".to_owned();
        let class = noctule_executor::ErrorClass::Unknown;
        let end = AttemptEnd::Failed {
            class,
            message,
            output: None,
        };
        self.conclude(ix, super::ending::Conclusion::of(end));
    }

    /// Stops a live attempt: cancels what runs, lets a search go on, ends what surely was not started.
    pub(super) fn stop_attempt(&mut self, ix: TaskRunIx, why: AttemptStop) {
        let now = self.now;
        let Some(attempt) = self.live(ix) else { return };
        let nature = attempt.prepared.nature;
        let stop = Stopping {
            why: why.clone(),
            at: now,
        };
        match &mut attempt.state {
            AttemptState::Ended(_) => return,
            AttemptState::Cancelling(cancelling) => cancelling.stop = stop,
            AttemptState::Running(_)
                if nature == Nature::Sensor || planted::is(Bug::CancelIsTheEnd) =>
            {
                return self.conclude_stop(ix, &why, None);
            }
            AttemptState::Running(work) => {
                let (handle, launched, started) =
                    (work.handle.clone(), work.launched_at, work.started_at);
                attempt.state =
                    AttemptState::Cancelling(cancelling(handle, launched, started, stop, now));
            }
            AttemptState::Launching(launching) => {
                let resting = matches!(launching.step, LaunchStep::Send { not_before } if not_before.is_some());
                let surely_not =
                    (resting && launching.sends <= 1) || planted::is(Bug::StopSkipsSearch);
                launching.stop = Some(stop);
                if surely_not || nature == Nature::Sensor {
                    return self.conclude_stop(ix, &why, None);
                }
                if nature == Nature::Attached {
                    return self.cut(ix, &why);
                }
                if resting {
                    let message = "it is to stop".to_owned();
                    self.launch_unknown(ix, message);
                }
            }
        }
        self.record(ix, Fact::Stopping { stop: why });
    }

    /// A call that we hold the line of: we hang up, and what the other side does nobody can tell.
    fn cut(&mut self, ix: TaskRunIx, why: &AttemptStop) {
        let timed_out = matches!(
            why,
            AttemptStop::Timeout | AttemptStop::TotalTimeout | AttemptStop::RunDeadline
        );
        if timed_out {
            return self.conclude_stop(ix, why, None);
        }
        self.conclude_unknown(ix, "the connection was closed while the call was under way");
    }
}

fn passed(attempt: &Attempt, given_up: bool, now: Instant) -> Option<AttemptStop> {
    let by = |instant: Option<Instant>| instant.is_some_and(|at| at <= now);
    let begun =
        matches!(&attempt.state, AttemptState::Running(running) if running.started_at.is_some());
    if given_up {
        return Some(AttemptStop::TotalTimeout);
    }
    if by(attempt.deadline) && !planted::is(Bug::TimeoutIsMissed) {
        return Some(AttemptStop::Timeout);
    }
    (!begun && by(attempt.start_by)).then_some(AttemptStop::StartTimeout)
}

/// When a request that rests goes out again.
fn rests_until(attempt: &Attempt) -> Option<Instant> {
    match &attempt.state {
        AttemptState::Launching(launching) => match launching.step {
            LaunchStep::Send { not_before } => not_before,
            LaunchStep::Look { .. } => None,
        },
        _ => None,
    }
}

fn stop_patience(stop: Option<&Stopping>) -> Option<Instant> {
    after(stop?.at, Some(CANCEL_PATIENCE))
}

/// The next instant at which a task run wants to be looked at.
#[must_use]
pub fn next_due(task: &TaskRun) -> Option<Instant> {
    let own = match &task.state {
        TaskState::Ready { .. } => None,
        TaskState::Backoff { until } => Some(*until),
        TaskState::Active => task.live().and_then(attempt_next),
        TaskState::Waiting | TaskState::Mapped { .. } | TaskState::Ended(_) => return None,
    };
    let stopping = task.live().is_some_and(is_stopping);
    let give_up = task.give_up_at.filter(|_| !stopping);
    [own, give_up].into_iter().flatten().min()
}

fn attempt_next(attempt: &Attempt) -> Option<Instant> {
    let begun =
        matches!(&attempt.state, AttemptState::Running(running) if running.started_at.is_some());
    match &attempt.state {
        AttemptState::Cancelling(cancelling) => Some(cancelling.kill_at),
        AttemptState::Launching(launching) if launching.stop.is_some() => {
            stop_patience(launching.stop.as_ref())
        }
        AttemptState::Launching(_) | AttemptState::Running(_) => {
            let start_by = attempt.start_by.filter(|_| !begun);
            [attempt.deadline, start_by, rests_until(attempt)]
                .into_iter()
                .flatten()
                .min()
        }
        AttemptState::Ended(_) => None,
    }
}

fn is_stopping(attempt: &Attempt) -> bool {
    match &attempt.state {
        AttemptState::Cancelling(_) => true,
        AttemptState::Launching(launching) => launching.stop.is_some(),
        AttemptState::Running(_) | AttemptState::Ended(_) => false,
    }
}
