//! All live runs side by side: who waits for a slot, who holds one, which instant comes next.
//!
//! The board is an index of live state, never a second truth: every change of a task run is told by [`Board::look`], and
//! looking twice, or building it anew, gives the same board.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::activity::holds_slot;
use super::deadline::next_due;
use super::state::{Instant, Phase, Run, TaskRunIx, TaskState};
use crate::dag::Dag;
use crate::name::{DagId, RunId};

/// What may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts that may hold a slot.
    pub slots: usize,
}

type Place = (RunId, TaskRunIx);
type Rank = (Reverse<i64>, Instant, RunId, TaskRunIx);

/// The index over all live runs.
#[derive(Debug, Clone, Default)]
pub struct Board {
    ready: BTreeSet<Rank>,
    ranks: HashMap<Place, Rank>,
    holding: HashSet<Place>,
    due: BTreeSet<(Instant, RunId, Option<TaskRunIx>)>,
    instants: HashMap<(RunId, Option<TaskRunIx>), Instant>,
    /// Queued and running runs of each DAG, by creation.
    queued: BTreeMap<DagId, BTreeSet<(Instant, RunId)>>,
    running: BTreeMap<DagId, BTreeSet<RunId>>,
}

impl Board {
    /// Looks at one task run again.
    pub fn look(&mut self, dag: &Dag, run: &Run, ix: TaskRunIx) {
        let place = (run.facts.id.clone(), ix);
        let task = &run.tasks[ix.index()];
        let rank = match &task.state {
            TaskState::Ready { since } if matches!(run.phase, Phase::Running { .. }) => Some((
                Reverse(dag.task(task.task).priority),
                *since,
                place.0.clone(),
                ix,
            )),
            _ => None,
        };
        if let Some(old) = self.ranks.remove(&place) {
            self.ready.remove(&old);
        }
        if let Some(rank) = rank {
            self.ready.insert(rank.clone());
            self.ranks.insert(place.clone(), rank);
        }
        if task.live().is_some_and(holds_slot) {
            self.holding.insert(place);
        } else {
            self.holding.remove(&place);
        }
        self.expect(&run.facts.id, Some(ix), next_due(task));
    }

    /// Looks at the run itself again.
    pub fn look_run(&mut self, run: &Run) {
        let (id, dag) = (&run.facts.id, &run.facts.dag);
        let queued = self.queued.entry(dag.clone()).or_default();
        let running = self.running.entry(dag.clone()).or_default();
        let key = (run.facts.created_at, id.clone());
        let mut instant = None;
        queued.remove(&key);
        running.remove(id);
        match &run.phase {
            Phase::Queued { .. } => {
                queued.insert(key);
            }
            Phase::Running { deadline, stop, .. } => {
                running.insert(id.clone());
                instant = deadline.filter(|_| stop.is_none());
            }
            Phase::Ended { .. } => {}
        }
        self.expect(id, None, instant);
    }

    /// Forgets a run that is over.
    pub fn forget(&mut self, run: &Run) {
        let id = &run.facts.id;
        for ix in (0..u32::try_from(run.tasks.len()).unwrap_or(u32::MAX)).map(TaskRunIx) {
            let place = (id.clone(), ix);
            if let Some(rank) = self.ranks.remove(&place) {
                self.ready.remove(&rank);
            }
            self.holding.remove(&place);
            self.expect(id, Some(ix), None);
        }
        self.expect(id, None, None);
        if let Some(queued) = self.queued.get_mut(&run.facts.dag) {
            queued.remove(&(run.facts.created_at, id.clone()));
        }
        if let Some(running) = self.running.get_mut(&run.facts.dag) {
            running.remove(id);
        }
    }

    fn expect(&mut self, run: &RunId, ix: Option<TaskRunIx>, instant: Option<Instant>) {
        let place = (run.clone(), ix);
        if let Some(old) = self.instants.remove(&place) {
            self.due.remove(&(old, run.clone(), ix));
        }
        if let Some(instant) = instant {
            self.due.insert((instant, run.clone(), ix));
            self.instants.insert(place, instant);
        }
    }

    /// The tasks that get a slot now: by priority, then by how long they have been ready.
    #[must_use]
    pub fn admissible(&self, limits: Limits) -> Vec<(RunId, TaskRunIx)> {
        let free = limits.slots.saturating_sub(self.holding.len());
        self.ready
            .iter()
            .take(free)
            .map(|(_, _, run, ix)| (run.clone(), *ix))
            .collect()
    }

    /// The oldest queued run of a DAG, if `max_active_runs` has a place for it.
    #[must_use]
    pub fn beginnable(&self, dag: &DagId, max_active_runs: u32) -> Option<RunId> {
        let running = self.running.get(dag).map_or(0, BTreeSet::len);
        if running >= max_active_runs as usize {
            return None;
        }
        self.queued.get(dag)?.first().map(|(_, run)| run.clone())
    }

    /// The runs of which a stored instant has passed.
    #[must_use]
    pub fn due(&self, now: Instant) -> BTreeSet<RunId> {
        self.due
            .iter()
            .take_while(|(at, ..)| *at <= now)
            .map(|(_, run, _)| run.clone())
            .collect()
    }

    /// The next stored instant.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Who holds a slot.
    #[must_use]
    pub fn holding(&self) -> Vec<(RunId, TaskRunIx)> {
        self.holding.iter().cloned().collect()
    }

    /// How many tasks wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// The DAGs that have queued runs.
    pub fn dags_with_queued(&self) -> impl Iterator<Item = &DagId> {
        self.queued
            .iter()
            .filter(|(_, runs)| !runs.is_empty())
            .map(|(dag, _)| dag)
    }

    /// The runs of a DAG that are under way.
    pub fn running<'a>(&'a self, dag: &DagId) -> impl Iterator<Item = &'a RunId> + use<'a> {
        self.running.get(dag).into_iter().flatten()
    }

    /// The runs of a DAG that are queued, oldest first.
    pub fn queued<'a>(&'a self, dag: &DagId) -> impl Iterator<Item = &'a RunId> + use<'a> {
        self.queued
            .get(dag)
            .into_iter()
            .flatten()
            .map(|(_, run)| run)
    }
}
