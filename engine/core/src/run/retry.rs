//! A new round of a run: which task runs begin anew, and what that does to them.
//!
//! Attempt numbers go on over rounds, so a key is never used twice. The items of a mapped task keep their task runs.

use std::collections::BTreeSet;

use thiserror::Error;

use super::actor::Actor;
use super::latest::Unfit;
use super::record::Fact;
use super::repin::Repin;
use super::state::{Phase, Run, TaskRun, TaskRunIx, TaskState, Verdict};
use super::transition::Turn;
use crate::dag::{Dag, HoldUntil, TaskIx};
use crate::name::{BackfillId, TaskTarget};

impl Turn<'_> {
    pub(super) fn retry_run(
        &mut self,
        tasks: &[TaskRunIx],
        opened: Opened,
        definition: Option<&Repin>,
    ) {
        if !matches!(self.run.phase, Phase::Ended { .. }) {
            return;
        }
        if let Some(repin) = definition {
            let Some(touched) = repin.apply(self.dag, self.run) else {
                return;
            };
            self.step.touched.extend(touched);
        }
        let Opened {
            by,
            reason,
            backfill,
        } = opened;
        self.run.round += 1;
        self.run.phase = Phase::Queued { since: self.now };
        self.run.backfill = backfill.clone();
        self.step.run_changed = true;
        let retried = Fact::RunRetried {
            by,
            reason,
            tasks: tasks.len(),
            backfill,
            definition: definition.map(|repin| repin.to.clone()),
        };
        self.record_of(None, None, retried);
        self.begin_chosen(tasks);
    }

    fn begin_chosen(&mut self, tasks: &[TaskRunIx]) {
        let chosen: BTreeSet<TaskRunIx> = tasks.iter().copied().collect();
        for ix in tasks {
            let head = self.run.tasks[ix.index()].item.map(|of| of.head);
            // A mapped task that begins anew makes its list again, and its items with it.
            if head.is_some_and(|head| chosen.contains(&head)) {
                continue;
            }
            self.begin_anew(*ix);
            if let Some(head) = head.filter(|head| self.run.tasks[head.index()].end().is_some()) {
                self.set_state(head, TaskState::Mapped { since: self.now });
                self.record(head, Fact::TaskReset);
            }
        }
    }

    /// Every try so far belongs to earlier rounds.
    pub(super) fn begin_anew(&mut self, ix: TaskRunIx) {
        let definition = self.definition(ix);
        let has_list = definition.map.is_some() || definition.is_group();
        let run = &mut self.run.tasks[ix.index()];
        // The empty list of a group that is a task by now is not the output of that task.
        run.expansion = run.expansion.take().filter(|_| has_list);
        run.earlier = u32::try_from(run.attempts.len()).unwrap_or(u32::MAX);
        run.give_up_at = None;
        self.set_state(ix, TaskState::Waiting);
        self.record(ix, Fact::TaskReset);
    }
}

/// Who opens a round, why, and what for.
pub(super) struct Opened {
    pub(super) by: Actor,
    pub(super) reason: Option<String>,
    pub(super) backfill: Option<BackfillId>,
}

/// Which tasks a retry begins anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryScope {
    /// Exactly these; empty: the ones that failed, timed out or were cancelled, and what was `upstream_failed` after them.
    pub tasks: Vec<TaskTarget>,
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
    /// It has no such task, or the task no such item.
    #[error("the run has no task `{0}`")]
    NoTask(TaskTarget),
    /// It cannot take the latest definition.
    #[error("the latest definition does not fit the run: {0}")]
    Definition(#[from] Box<Unfit>),
}

/// The task runs that a retry would begin anew, in the order of the run: what `--dry-run` prints.
///
/// # Errors
/// The run is not over, or nothing in it failed and no task was named, or a named one is not there.
pub fn plan_retry(
    dag: &Dag,
    run: &Run,
    scope: &RetryScope,
) -> Result<Vec<TaskRunIx>, RetryRefusal> {
    let chosen = chosen(dag, run, scope)?;
    if chosen.is_empty() {
        return Err(RetryRefusal::NothingFailed);
    }
    Ok(chosen)
}

/// The same; none where nothing failed and nothing was named.
pub(super) fn chosen(
    dag: &Dag,
    run: &Run,
    scope: &RetryScope,
) -> Result<Vec<TaskRunIx>, RetryRefusal> {
    if !matches!(run.phase, Phase::Ended { .. }) {
        return Err(RetryRefusal::NotEnded(run.phase.word()));
    }
    let mut chosen = if scope.all {
        run.outer(dag).collect()
    } else if scope.tasks.is_empty() {
        failed(run)
    } else {
        named(dag, run, &scope.tasks)?
    };
    add_holders(dag, run, &mut chosen);
    if scope.downstream {
        add_downstream(dag, run, &mut chosen);
    }
    Ok(chosen.into_iter().collect())
}

fn runs(run: &Run) -> impl Iterator<Item = (TaskRunIx, &TaskRun)> {
    (0u32..).map(TaskRunIx).zip(&run.tasks)
}

fn is_bad(task: &TaskRun) -> bool {
    task.end().is_some_and(|end| end.verdict.is_bad())
}

/// Everything that ended bad. A mapped task of which items failed keeps its list: only they begin anew.
fn failed(run: &Run) -> BTreeSet<TaskRunIx> {
    let current = |task: &TaskRun| task.item.is_none_or(|of| of.index.is_some());
    let known = runs(run).filter(|(_, task)| task.gone.is_none());
    let bad = known.filter(|(_, task)| is_bad(task) && current(task));
    let mut chosen: BTreeSet<TaskRunIx> = bad.map(|(ix, _)| ix).collect();
    let heads: BTreeSet<TaskRunIx> = chosen
        .iter()
        .filter_map(|ix| Some(run.tasks[ix.index()].item?.head))
        .collect();
    // Items that failed within `min_success` are no failure of the whole.
    chosen.retain(|ix| match run.tasks[ix.index()].item {
        Some(of) => is_bad(&run.tasks[of.head.index()]),
        None => !heads.contains(ix),
    });
    chosen
}

fn named(
    dag: &Dag,
    run: &Run,
    targets: &[TaskTarget],
) -> Result<BTreeSet<TaskRunIx>, RetryRefusal> {
    let mut chosen = BTreeSet::new();
    for target in targets {
        let mut found = run.find(dag, target);
        if found.is_empty() {
            return Err(RetryRefusal::NoTask(target.clone()));
        }
        // The whole of a mapped task is its list, made again.
        if let Some(head) = found.iter().find(|ix| run.tasks[ix.index()].item.is_none()) {
            found = vec![*head];
        }
        chosen.extend(found);
    }
    Ok(chosen)
}

/// Work that was held for a task is gone by now: who uses it needs it made again.
fn add_holders(dag: &Dag, run: &Run, chosen: &mut BTreeSet<TaskRunIx>) {
    for (ix, task) in runs(run) {
        let users: Vec<TaskRunIx> = match &task.definition(dag).hold_until {
            _ if task.gone.is_some() => continue,
            None => continue,
            Some(HoldUntil::Run) => Vec::new(),
            Some(HoldUntil::Tasks(names)) => {
                let tasks = names.iter().filter_map(|name| dag.find(name.as_str()));
                tasks
                    .filter_map(|user| run.seen_from(dag, ix, user))
                    .collect()
            }
        };
        let uses = |chosen: &TaskRunIx| users.is_empty() || users.contains(chosen);
        let held = task
            .end()
            .is_some_and(|end| end.verdict == Verdict::Succeeded);
        if held && chosen.iter().any(uses) {
            chosen.insert(ix);
        }
    }
}

/// Everything after the chosen: in the same item, and after the whole.
fn add_downstream(dag: &Dag, run: &Run, chosen: &mut BTreeSet<TaskRunIx>) {
    let mut outer: BTreeSet<TaskIx> = BTreeSet::new();
    for ix in chosen.clone() {
        let task = run.tasks[ix.index()].task;
        let inside = dag.group_of(task).is_some();
        for after in dag.descendants(&[task]).into_iter().filter(|_| inside) {
            chosen.extend(run.seen_from(dag, ix, after));
        }
        outer.insert(
            run.tasks[ix.index()]
                .item
                .map_or(task, |of| run.tasks[of.head.index()].task),
        );
    }
    let outer: Vec<TaskIx> = outer.into_iter().collect();
    let after = dag.descendants(&outer).into_iter();
    chosen.extend(after.map(|task| run.of_outer(task)));
}
