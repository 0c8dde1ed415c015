//! Last night and the next: which DAGs are late, what failed and still stands so, what is under way, what wants a person,
//! and which ticks come. The page and the terminal show the same night, because it is decided here.
//!
//! Late is a DAG that fires by itself, and whose engine has not decided about a tick that has passed; and a run that is not
//! over at its `must_end_by`.

mod due;
mod need;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::dag::Dag;
use crate::run::{Instant, Run};
use crate::ticks::Schedule;
use crate::view::{DagView, NeedView, RunHead, TickView};

pub use self::due::Due;
pub use self::need::{needs_of_dag, needs_of_run};
pub use self::work::{Surrounded, work};

/// How far the night reaches, each way.
pub const REACH: TimeDelta = TimeDelta::hours(24);
/// Coming ticks of one DAG.
const TICKS: usize = 100;
/// A tick is not late before: the engine may be about to fire.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// What is known of one DAG.
#[derive(Debug, Clone)]
pub struct Known {
    /// How it stands.
    pub view: DagView,
    /// The version that new runs take.
    pub dag: Option<Arc<Dag>>,
    /// Until when an engine has decided about its ticks.
    pub decided: Option<Instant>,
}

/// One night, as far as it reaches.
#[derive(Debug, Clone)]
pub struct Night {
    /// When it was looked at.
    pub now: Instant,
    /// Every DAG with its runs and its ticks, by id.
    pub lanes: Vec<Lane>,
    /// Runs that failed, and none of their DAG has succeeded since; newest first.
    pub failed: Vec<RunHead>,
    /// DAGs whose tick has passed, with that tick.
    pub late: Vec<(String, Instant)>,
    /// Runs that are not over and are to be by a time, the soonest first: those past it, and those that have it ahead.
    pub due: Vec<Due>,
    /// Runs that are not over, oldest first.
    pub live: Vec<RunHead>,
    /// What goes on only once a person acts.
    pub needs: Vec<NeedView>,
    /// There were more runs than were read.
    pub cut: bool,
}

/// One DAG.
#[derive(Debug, Clone)]
pub struct Lane {
    /// How it stands.
    pub dag: DagView,
    /// The first tick that has passed and that no engine has decided about.
    pub late: Option<Instant>,
    /// A run is past its `must_end_by`.
    pub overdue: bool,
    /// Newest first.
    pub runs: Vec<RunHead>,
    /// Coming ticks.
    pub ticks: Vec<TickView>,
}

impl Lane {
    /// What somebody should know of it, if anything.
    #[must_use]
    pub fn tone(&self) -> Option<&'static str> {
        match self.dag.state {
            "active" if self.late.is_some() || self.overdue => Some("late"),
            "active" if self.dag.trouble.is_some() || self.dag.refused_ticks.is_some() => {
                Some("trouble")
            }
            "active" => None,
            word => Some(word),
        }
    }
}

impl Night {
    /// The night of these DAGs, from runs of them, newest first.
    #[must_use]
    pub fn of(now: Instant, zone: Tz, known: Vec<Known>, runs: &[RunHead]) -> Self {
        let mut by_dag: BTreeMap<&str, Vec<RunHead>> = BTreeMap::new();
        for run in runs {
            by_dag.entry(&run.dag).or_default().push(run.clone());
        }
        let mut lanes = Vec::new();
        for one in known {
            let runs = by_dag.remove(one.view.dag.as_str()).unwrap_or_default();
            if one.view.state != "withdrawn" || !runs.is_empty() {
                lanes.push(lane(one, runs, now, zone));
            }
        }
        let mut live: Vec<RunHead> = runs.iter().filter(|run| is_live(run)).cloned().collect();
        live.reverse();
        let failed = lanes.iter().flat_map(|lane| still_failed(&lane.runs));
        // Runs that somebody drove by hand may be of a DAG that no engine has read yet.
        let unread = by_dag.values().flat_map(|runs| still_failed(runs));
        let mut failed: Vec<RunHead> = failed.chain(unread).cloned().collect();
        failed.sort_by_key(|run| std::cmp::Reverse(run.ended_at));
        let late = |lane: &Lane| lane.late.map(|tick| (lane.dag.dag.clone(), tick));
        Self {
            now,
            late: lanes.iter().filter_map(late).collect(),
            needs: lanes
                .iter()
                .flat_map(|lane| needs_of_dag(&lane.dag))
                .collect(),
            lanes,
            failed,
            due: Vec::new(),
            live,
            cut: false,
        }
    }

    /// Takes in by when runs that are not over are to end.
    pub fn expect<'a>(&mut self, live: impl Iterator<Item = (&'a Dag, &'a Run)>) {
        let now = self.now;
        self.due = live
            .filter_map(|(dag, run)| Due::of(dag, run, now))
            .collect();
        self.due
            .sort_by(|a, b| (a.by, &a.run.id).cmp(&(b.by, &b.run.id)));
        let late: BTreeSet<String> = self.overdue().map(|due| due.run.dag.clone()).collect();
        for lane in &mut self.lanes {
            lane.overdue = late.contains(&lane.dag.dag);
        }
    }

    /// Runs that are past the time by which they were to end, the longest past first.
    pub fn overdue(&self) -> impl Iterator<Item = &Due> {
        self.due.iter().filter(|due| due.past(self.now).is_some())
    }

    /// Whether nobody has to look: nothing is late, nothing stands failed, nothing waits for a person; and all was read.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let late = !self.late.is_empty() || self.overdue().next().is_some();
        !self.cut && !late && self.failed.is_empty() && self.needs.is_empty()
    }

    /// The coming ticks of all DAGs, soonest first.
    #[must_use]
    pub fn coming(&self, most: usize) -> Vec<(&str, &TickView)> {
        let mut all: Vec<(&str, &TickView)> = Vec::new();
        for Lane { dag, ticks, .. } in &self.lanes {
            all.extend(ticks.iter().map(|tick| (dag.dag.as_str(), tick)));
        }
        all.sort_by_key(|(dag, tick)| (tick.utc, *dag));
        all.truncate(most);
        all
    }
}

fn is_live(run: &RunHead) -> bool {
    run.ended_at.is_none()
}

fn lane(known: Known, runs: Vec<RunHead>, now: Instant, zone: Tz) -> Lane {
    let (mut late, mut ticks) = (None, Vec::new());
    // Without a next tick it does not fire by itself, whatever its schedule says.
    if let (Some(dag), Some(_)) = (&known.dag, &known.view.next)
        && let Some(schedule) = dag.schedule()
    {
        late = overdue(schedule, known.decided, now);
        ticks = schedule
            .ticks_between(now, now + REACH)
            .take(TICKS)
            .map(|at| TickView::of(dag, schedule, at, zone))
            .collect();
    }
    Lane {
        dag: known.view,
        late,
        overdue: false,
        runs,
        ticks,
    }
}

/// The first tick that has passed and that no engine has decided about.
fn overdue(schedule: &Schedule, decided: Option<Instant>, now: Instant) -> Option<Instant> {
    schedule.ticks_between(decided?, now - GRACE).next()
}

/// Runs that failed after the last one that went well; newest first, as the runs are.
fn still_failed(runs: &[RunHead]) -> impl Iterator<Item = &RunHead> {
    let since = runs.iter().take_while(|run| run.state != "succeeded");
    since.filter(|run| matches!(run.state, "failed" | "timed_out"))
}

#[cfg(test)]
mod due_tests;
#[cfg(test)]
mod tests;
