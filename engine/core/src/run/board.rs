//! All live runs side by side: who waits for a slot, who holds one, which instant comes next.
//!
//! The board is an index of live state, never a second truth: every change of a task run is told by [`Board::look`], and
//! looking twice, or building it anew, gives the same board.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::deadline::next_due;
use super::line::{Lane, Limits, Line, Place};
use super::state::{Instant, Phase, Run, TaskRunIx};
use crate::dag::Dag;
use crate::name::{DagId, RunId};
use crate::planted::{self, Bug};

/// The index over all live runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    line: Line,
    due: BTreeSet<(Instant, RunId, Option<TaskRunIx>)>,
    instants: HashMap<(RunId, Option<TaskRunIx>), Instant>,
    /// Queued and running runs of each DAG, by creation; those of backfills stand behind all others.
    queued: BTreeMap<DagId, BTreeSet<(bool, Instant, RunId)>>,
    running: BTreeMap<DagId, BTreeSet<RunId>>,
}

impl Board {
    /// Looks at one task run again.
    pub fn look(&mut self, dag: &Dag, run: &Run, ix: TaskRunIx) {
        let task = &run.tasks[ix.index()];
        let place = (run.facts.id.clone(), ix);
        let begun = matches!(run.phase, Phase::Running { .. });
        let lane = Lane {
            begun,
            yields: run.backfill.is_some(),
        };
        self.line.look(place, task.definition(dag), task, lane);
        self.expect(&run.facts.id, Some(ix), next_due(task));
    }

    /// Counts what a run holds of pools that this engine lets be: its work goes on, and nobody here acts on it.
    pub fn look_from_afar(&mut self, dag: &Dag, run: &Run) {
        for (ix, task) in (0u32..).map(TaskRunIx).zip(&run.tasks) {
            let place = (run.facts.id.clone(), ix);
            self.line.look_from_afar(place, task.definition(dag), task);
        }
    }

    /// Looks at the run itself again.
    pub fn look_run(&mut self, run: &Run) {
        let (id, dag) = (&run.facts.id, &run.facts.dag);
        let mut instant = None;
        self.leave(run);
        match &run.phase {
            Phase::Queued { .. } => {
                let key = (run.backfill.is_some(), run.facts.created_at, id.clone());
                self.queued.entry(dag.clone()).or_default().insert(key);
            }
            Phase::Running { deadline, stop, .. } => {
                let running = self.running.entry(dag.clone()).or_default();
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
            self.line.forget(&(id.clone(), ix));
            self.expect(id, Some(ix), None);
        }
        self.expect(id, None, None);
        self.leave(run);
    }

    /// Takes a run off the lists of its DAG.
    fn leave(&mut self, run: &Run) {
        let (id, dag) = (&run.facts.id, &run.facts.dag);
        if let Some(queued) = self.queued.get_mut(dag) {
            // A retry may have changed whether it is for a backfill.
            for behind in [false, true] {
                queued.remove(&(behind, run.facts.created_at, id.clone()));
            }
            if queued.is_empty() {
                self.queued.remove(dag);
            }
        }
        if let Some(running) = self.running.get_mut(dag) {
            running.remove(id);
            if running.is_empty() {
                self.running.remove(dag);
            }
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

    /// The tasks that get a slot now: by priority, then by turns over the runs, as far as their pools have room.
    #[must_use]
    pub fn admissible(&self, limits: Limits<'_>) -> Vec<Place> {
        self.line.admissible(limits).places
    }

    /// Every ready task that its pool has room for, in the order in which they get slots.
    #[must_use]
    pub fn in_line(&self, limits: Limits<'_>) -> Vec<Place> {
        self.line.in_line(limits)
    }

    /// The task that gets the next room of a pool; none behind it of its priority or less passes it.
    #[must_use]
    pub fn first_of_pool(&self, pool: &str, size: u32) -> Option<(Place, u32)> {
        self.line.first_of_pool(pool, size)
    }

    /// Who holds how much of a pool.
    #[must_use]
    pub fn holding_of(&self, pool: &str) -> Vec<(Place, u32)> {
        self.line.holding_of(pool)
    }

    /// The oldest queued run of a DAG, those of backfills after all others, if `max_active_runs` has a place for it.
    #[must_use]
    pub fn beginnable(&self, dag: &DagId, max_active_runs: u32) -> Option<RunId> {
        let running = self.running.get(dag).map_or(0, BTreeSet::len);
        let running = running - usize::from(running > 0 && planted::is(Bug::OneRunTooMany));
        if running >= max_active_runs as usize {
            return None;
        }
        self.queued.get(dag)?.first().map(|(.., run)| run.clone())
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
    pub fn holding(&self) -> Vec<Place> {
        self.line.holding()
    }

    /// How many tasks wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    /// The DAGs that have queued runs.
    pub fn dags_with_queued(&self) -> impl Iterator<Item = &DagId> {
        self.queued.keys()
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
            .map(|(.., run)| run)
    }
}
