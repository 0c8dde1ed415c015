//! Another definition for a run: which task run belongs to which task of it.
//!
//! Guarantees: no task run leaves its place or loses an attempt, so the journal goes on naming each by its place, and the
//! numbers of attempts go on, also for a task that was removed and comes back. Whatever does not fit changes nothing.
//! What may be taken over, and what not, is decided before: see `latest.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::state::{Run, TaskRun, TaskRunIx};
use crate::dag::{Dag, TaskDefinition, TaskIx};
use crate::name::DagHash;
use crate::planted::{self, Bug};

/// How a run goes over to another version of its DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repin {
    /// The version that it had.
    pub from: DagHash,
    /// The version that it gets.
    pub to: DagHash,
    /// For each task and group of the new version that stands in no group: its task run. Those that are new stand at the
    /// end, after all that the run has.
    pub line: Vec<TaskRunIx>,
    /// What the tasks were that the new version has no longer, by their places in the old one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<(TaskIx, TaskDefinition)>,
}

/// What becomes of one task run.
enum Fate<'a> {
    Stays(TaskIx),
    Goes(&'a TaskDefinition),
    StaysGone,
}

impl Repin {
    /// How a run of one version would go over to another. Tasks are the same if their names are.
    #[must_use]
    pub fn between(earlier: &Dag, later: &Dag, run: &Run) -> Self {
        let mut known: BTreeMap<&str, TaskRunIx> = BTreeMap::new();
        for (ix, task) in (0..).map(TaskRunIx).zip(&run.tasks) {
            if task.item.is_none() {
                known.insert(task.definition(earlier).name.as_str(), ix);
            }
        }
        let mut next = (u32::try_from(run.tasks.len()).unwrap_or(u32::MAX)..).map(TaskRunIx);
        let line = later.outer().enumerate().filter_map(|(at, task)| {
            let known = match planted::is(Bug::TasksAreMatchedByPlace) {
                true => earlier.outer().nth(at).map(|was| run.of_outer(was)),
                false => known.get(later.task(task).name.as_str()).copied(),
            };
            known.or_else(|| next.next())
        });
        let line = line.collect();
        let gone = earlier
            .tasks()
            .filter(|task| later.find(earlier.task(*task).name.as_str()).is_none())
            .map(|task| (task, earlier.task(task).clone()));
        Self {
            from: earlier.hash().clone(),
            to: later.hash().clone(),
            line,
            gone: gone.collect(),
        }
    }

    /// Takes the run over; which task runs changed. None, and nothing changes, if it is not of this run and this version.
    #[must_use]
    pub(super) fn apply(&self, later: &Dag, run: &mut Run) -> Option<BTreeSet<TaskRunIx>> {
        if !self.fits(later, run) {
            return None;
        }
        let fates = self.fates(later, run)?;
        let mut touched = BTreeSet::new();
        for ((ix, task), fate) in (0..).map(TaskRunIx).zip(&mut run.tasks).zip(fates) {
            if meet(task, fate) {
                touched.insert(ix);
            }
        }
        let doubted = run.tasks.iter().any(|task| task.doubted);
        for (place, task) in self.line.iter().zip(later.outer()) {
            if place.index() == run.tasks.len() {
                let mut new = TaskRun::new(task);
                new.doubted = doubted;
                run.tasks.push(new);
                touched.insert(*place);
            }
        }
        let moved = (0..).map(TaskRunIx).zip(&self.line);
        run.line = if moved.clone().all(|(own, place)| own == *place) {
            Vec::new()
        } else {
            self.line.clone()
        };
        run.facts.version = self.to.clone();
        Some(touched)
    }

    fn fits(&self, later: &Dag, run: &Run) -> bool {
        let is_outer = |place: &TaskRunIx| {
            let known = run.tasks.get(place.index());
            known.is_none_or(|task| task.item.is_none())
        };
        let mut new = self.line.iter().filter(|ix| ix.index() >= run.tasks.len());
        let different: BTreeSet<&TaskRunIx> = self.line.iter().collect();
        self.from == run.facts.version
            && self.to == *later.hash()
            && self.line.len() == later.outer().len()
            && different.len() == self.line.len()
            && self.line.iter().all(is_outer)
            && (run.tasks.len()..)
                .zip(&mut new)
                .all(|(at, ix)| at == ix.index())
    }

    /// What becomes of each task run: of an item, what becomes of its task in the walk of its head.
    fn fates(&self, later: &Dag, run: &Run) -> Option<Vec<Fate<'_>>> {
        let outer: BTreeMap<TaskRunIx, TaskIx> =
            self.line.iter().copied().zip(later.outer()).collect();
        let mut walks: BTreeMap<TaskRunIx, Vec<TaskIx>> = BTreeMap::new();
        let (mut fates, mut before, mut place) = (Vec::new(), None, 0);
        for (ix, task) in (0..).map(TaskRunIx).zip(&run.tasks) {
            let head = task.item.map_or(ix, |of| of.head);
            // The task runs of an item stand side by side, in the order of the walk.
            let item = Some((head, &task.map_key));
            place = if before == item { place + 1 } else { 0 };
            before = item;
            let known = outer.get(&head).copied();
            let stays = match task.item {
                None => known,
                Some(_) => known.and_then(|head_task| {
                    let walk = walks.entry(head).or_insert_with(|| later.walk(head_task));
                    walk.get(place).copied()
                }),
            };
            fates.push(match stays {
                Some(now) => Fate::Stays(now),
                None if task.gone.is_some() => Fate::StaysGone,
                None => Fate::Goes(self.was(task.task)?),
            });
        }
        Some(fates)
    }

    /// What a task was that the new version has no longer.
    fn was(&self, task: TaskIx) -> Option<&TaskDefinition> {
        let other = planted::is(Bug::GoneIsNotKept);
        let known = self.gone.iter().find(|(place, _)| *place == task || other);
        known.map(|(_, definition)| definition)
    }
}

/// Whether it changes anything.
fn meet(task: &mut TaskRun, fate: Fate<'_>) -> bool {
    let was = (task.task, task.gone.is_some());
    match fate {
        Fate::Stays(now) => {
            task.task = now;
            task.gone = None;
        }
        Fate::Goes(definition) => {
            if planted::is(Bug::GoneLosesAttempts) {
                task.attempts.clear();
            }
            task.gone = Some(Box::new(definition.clone()));
            task.task = TaskIx::NONE;
        }
        Fate::StaysGone => {}
    }
    was != (task.task, task.gone.is_some())
}
