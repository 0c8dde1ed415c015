//! The run as a whole: its beginning, its stop, a new round, a mark by hand.

use std::collections::BTreeSet;

use super::actor::Actor;
use super::attempt::AttemptStop;
use super::expansion::ItemState;
use super::record::Fact;
use super::state::{Phase, Run, RunEnding, Stop, StopWhy, TaskEnd, TaskRunIx, TaskState, Verdict};
use super::transition::{Turn, after};
use crate::dag::{Dag, TriggerRule};

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
        self.judged.extend(self.run.outer(self.dag));
        self.go_on_with_items();
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
        // Judged before anything ends: an item that is ended here has not begun by that.
        let cleaning: BTreeSet<TaskRunIx> = self.all().filter(|ix| self.cleans_up(*ix)).collect();
        for ix in self.all() {
            let cleans_up = cleaning.contains(&ix) && !again;
            match self.state(ix) {
                TaskState::Active => self.stop_attempt(ix, reason.clone()),
                // A mapped task ends with its items.
                TaskState::Ended(_) | TaskState::Mapped { .. } => {}
                _ if cleans_up => {}
                _ => self.end_task(ix, Verdict::Cancelled, Some(words.to_owned())),
            }
        }
    }

    /// Whether a task may still start in a run that is being stopped: `all_done` tasks, and those of a group only for items
    /// that had begun, unless the group as a whole cleans up.
    fn cleans_up(&self, ix: TaskRunIx) -> bool {
        let all_done = |ix| self.definition(ix).trigger_rule == TriggerRule::AllDone;
        let Some(of) = self.run.tasks[ix.index()].item else {
            return all_done(ix);
        };
        let head = &self.run.tasks[of.head.index()];
        let item = of.index.and_then(|index| {
            let items = &head.expansion.as_ref()?.items;
            items.get(index as usize)
        });
        let walk = self.dag.walk(head.task);
        let begun = item
            .is_some_and(|item| self.run.item_state(self.dag, &walk, item) != ItemState::Waiting);
        all_done(of.head) || (begun && all_done(ix))
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

    pub(super) fn mark(
        &mut self,
        ix: TaskRunIx,
        verdict: Verdict,
        leave: bool,
        by: Actor,
        reason: Option<String>,
    ) {
        let known = self.run.tasks.get(ix.index());
        if known.is_none_or(|task| task.gone.is_some()) {
            return;
        }
        if matches!(self.state(ix), TaskState::Mapped { .. }) {
            return self.mark_items(ix, verdict, leave, &by, reason.as_ref());
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

    /// A mark on a mapped task whose items are on their way is a mark on each of them: those that are not over, and, as a
    /// success, those that ended bad. The whole is judged by its items.
    fn mark_items(
        &mut self,
        head: TaskRunIx,
        verdict: Verdict,
        leave: bool,
        by: &Actor,
        reason: Option<&String>,
    ) {
        for ix in self.all() {
            let run = &self.run.tasks[ix.index()];
            let current = run
                .item
                .is_some_and(|of| of.head == head && of.index.is_some());
            let open = run
                .end()
                .is_none_or(|end| verdict == Verdict::Succeeded && end.verdict.is_bad());
            if current && open {
                self.mark(ix, verdict, leave, by.clone(), reason.cloned());
            }
        }
        self.judged.push_back(head);
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
        self.judge_again(ix);
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
    let counts = |task: &&super::state::TaskRun| !task.definition(dag).may_fail;
    // The items of a mapped task count by the whole.
    let verdicts = || {
        run.outer(dag)
            .filter_map(|ix| run.tasks.get(ix.index()))
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
