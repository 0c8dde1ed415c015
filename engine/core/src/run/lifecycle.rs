//! The run as a whole: its beginning, its stop, a new round, a mark by hand.

use std::collections::BTreeSet;

use thiserror::Error;

use super::actor::Actor;
use super::attempt::AttemptStop;
use super::record::Fact;
use super::state::{Phase, Run, RunEnding, Stop, StopWhy, TaskEnd, TaskRunIx, TaskState, Verdict};
use super::transition::{Turn, after};
use crate::dag::{Dag, TaskIx, TriggerRule};

impl Turn<'_> {
    pub(super) fn begin(&mut self) {
        if !matches!(self.run.phase, Phase::Queued { .. }) {
            return;
        }
        let deadline = after(self.now, self.dag.definition().timeout);
        self.run.phase = Phase::Running {
            started_at: self.now,
            deadline,
            stop: None,
        };
        self.step.run_changed = true;
        self.record_of(
            None,
            None,
            Fact::RunStarted {
                round: self.run.round,
            },
        );
        self.judged
            .extend(self.dag.order().iter().map(|task| TaskRunIx(task.0)));
    }

    /// Nothing starts any more but `all_done` tasks; a second stop ends those too.
    pub(super) fn stop_run(&mut self, why: StopWhy) {
        let again = match &mut self.run.phase {
            Phase::Ended { .. } => return,
            Phase::Queued { .. } => return self.cancel_queued(why),
            Phase::Running { stop, .. } => {
                let again = stop.is_some();
                // The first reason is the one that the run ends with.
                stop.get_or_insert(Stop {
                    why: why.clone(),
                    at: self.now,
                });
                again
            }
        };
        self.step.run_changed = true;
        self.record_of(None, None, Fact::RunStopping { stop: why.clone() });
        let (reason, words) = match why {
            StopWhy::Cancelled { .. } => (AttemptStop::RunCancelled, "the run was cancelled"),
            StopWhy::Deadline => (AttemptStop::RunDeadline, "the deadline of the run passed"),
        };
        for ix in self.all() {
            let cleans_up = self.definition(ix).trigger_rule == TriggerRule::AllDone && !again;
            match self.state(ix) {
                TaskState::Active => self.stop_attempt(ix, reason.clone()),
                TaskState::Ended(_) => {}
                _ if cleans_up => {}
                _ => self.end_task(ix, Verdict::Cancelled, Some(words.to_owned())),
            }
        }
    }

    fn cancel_queued(&mut self, why: StopWhy) {
        self.record_of(None, None, Fact::RunStopping { stop: why });
        for ix in self.all() {
            if self.run.tasks[ix.index()].end().is_none() {
                self.end_task(
                    ix,
                    Verdict::Cancelled,
                    Some("the run was cancelled before it began".to_owned()),
                );
            }
        }
        self.judged.clear();
        self.run.phase = Phase::Ended {
            ending: RunEnding::Cancelled,
            started_at: None,
            at: self.now,
        };
        self.step.run_changed = true;
        self.record_of(
            None,
            None,
            Fact::RunEnded {
                ending: RunEnding::Cancelled,
            },
        );
    }

    pub(super) fn retry_run(&mut self, tasks: &[TaskRunIx], by: Actor, reason: Option<String>) {
        if !matches!(self.run.phase, Phase::Ended { .. }) {
            return;
        }
        self.run.round += 1;
        self.run.phase = Phase::Queued { since: self.now };
        self.step.run_changed = true;
        self.record_of(
            None,
            None,
            Fact::RunRetried {
                by,
                reason,
                tasks: tasks.len(),
            },
        );
        for ix in tasks {
            let run = &mut self.run.tasks[ix.index()];
            run.earlier = u32::try_from(run.attempts.len()).unwrap_or(u32::MAX);
            run.give_up_at = None;
            self.set_state(*ix, TaskState::Waiting);
            self.record(*ix, Fact::TaskReset);
        }
    }

    pub(super) fn mark(
        &mut self,
        ix: TaskRunIx,
        verdict: Verdict,
        leave: bool,
        by: Actor,
        reason: Option<String>,
    ) {
        if self.run.tasks.get(ix.index()).is_none() {
            return;
        }
        self.record(
            ix,
            Fact::TaskMarked {
                verdict,
                by: by.clone(),
                reason,
            },
        );
        if matches!(self.state(ix), TaskState::Active) {
            if !leave {
                return self.stop_attempt(ix, AttemptStop::Marked { verdict, by });
            }
            // The work is let be: the attempt ends here as stopped by hand, with its handle, and `sweep` lists it.
            let why = AttemptStop::Marked {
                verdict,
                by: by.clone(),
            };
            self.close_stopped(ix, &why);
        }
        self.end_marked(ix, verdict, by);
        self.judge_run_again();
    }

    pub(super) fn end_marked(&mut self, ix: TaskRunIx, verdict: Verdict, by: Actor) {
        let why = Some(format!("marked by {}", by.name));
        self.record(
            ix,
            Fact::TaskEnded {
                verdict,
                why: why.clone(),
            },
        );
        self.judge_downstream(ix);
        self.set_state(
            ix,
            TaskState::Ended(TaskEnd {
                verdict,
                at: self.now,
                why,
                marked_by: Some(by),
            }),
        );
    }

    /// A mark on a run that is over may change how it ended; it starts nothing.
    fn judge_run_again(&mut self) {
        let Phase::Ended {
            ending: was,
            started_at: Some(started_at),
            at,
        } = self.run.phase
        else {
            return;
        };
        let stop = match was {
            RunEnding::Cancelled => Some(StopWhy::Cancelled {
                by: Actor::engine(),
                reason: None,
            }),
            RunEnding::TimedOut => Some(StopWhy::Deadline),
            RunEnding::Succeeded | RunEnding::Failed => None,
        };
        let is = ending(self.dag, self.run, stop.as_ref());
        if is != was {
            self.run.phase = Phase::Ended {
                ending: is,
                started_at: Some(started_at),
                at,
            };
            self.step.run_changed = true;
            self.record_of(None, None, Fact::RunEnded { ending: is });
        }
    }
}

/// How a round ends. A cancel that came after everything was good changes nothing.
pub(super) fn ending(dag: &Dag, run: &Run, stop: Option<&StopWhy>) -> RunEnding {
    let counts = |task: &&super::state::TaskRun| !dag.task(task.task).may_fail;
    let verdicts = || {
        run.tasks
            .iter()
            .filter(counts)
            .filter_map(|task| task.end())
            .map(|end| end.verdict)
    };
    match stop {
        _ if !verdicts().any(Verdict::is_bad) => RunEnding::Succeeded,
        Some(StopWhy::Cancelled { .. }) => RunEnding::Cancelled,
        Some(StopWhy::Deadline) => RunEnding::TimedOut,
        None => RunEnding::Failed,
    }
}

/// Which tasks a retry begins anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryScope {
    /// Exactly these; empty: the ones that failed, timed out or were cancelled, and what was `upstream_failed` after them.
    pub tasks: Vec<TaskIx>,
    /// Everything after them, too.
    pub downstream: bool,
    /// Every task.
    pub all: bool,
}

/// Why a run cannot be retried.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RetryRefusal {
    /// It is under way.
    #[error("the run is {0}: only an ended run can be retried")]
    NotEnded(&'static str),
    /// It has nothing to retry.
    #[error("the run has no failed task; name one with --task, or use --all")]
    NothingFailed,
}

/// The task runs that a retry would begin anew, in the order of the definition: what `--dry-run` prints.
///
/// # Errors
/// The run is not over, or nothing in it failed and no task was named.
pub fn plan_retry(
    dag: &Dag,
    run: &Run,
    scope: &RetryScope,
) -> Result<Vec<TaskRunIx>, RetryRefusal> {
    if !matches!(run.phase, Phase::Ended { .. }) {
        return Err(RetryRefusal::NotEnded(run.phase.word()));
    }
    let verdict = |task: TaskIx| run.tasks[task.index()].end().map(|end| end.verdict);
    let mut chosen: BTreeSet<TaskIx> = if scope.all {
        dag.tasks().collect()
    } else if scope.tasks.is_empty() {
        dag.tasks()
            .filter(|task| verdict(*task).is_some_and(Verdict::is_bad))
            .collect()
    } else {
        scope.tasks.iter().copied().collect()
    };
    if chosen.is_empty() {
        return Err(RetryRefusal::NothingFailed);
    }
    if scope.downstream {
        let roots: Vec<TaskIx> = chosen.iter().copied().collect();
        chosen.extend(dag.descendants(&roots));
    }
    Ok(chosen.into_iter().map(|task| TaskRunIx(task.0)).collect())
}
