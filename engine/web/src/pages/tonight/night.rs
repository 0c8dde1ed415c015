//! What is known of last night and the next: of every DAG its runs, its coming ticks, and whether it is late.
//!
//! Late is a DAG that fires by itself, and whose engine has not decided about a tick that has passed.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use noctule_core::name::RunId;
use noctule_core::run::Phase;
use noctule_core::ticks::Schedule;
use noctule_core::view::{DagView, RunHead, TickView};
use noctule_store::{DagRecord, RunFilter, RunSummary};

use crate::problem::Problem;
use crate::web::Web;

/// How far the time line reaches, each way.
pub(super) const REACH: TimeDelta = TimeDelta::hours(24);
/// Runs that are read of the past.
const RUNS: u32 = 2_000;
/// Runs under way that are read.
const LIVE: u32 = 500;
/// Coming ticks of one DAG.
const TICKS: usize = 100;
/// A tick is not late before: the engine may be about to fire.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// Everything of the page.
pub(super) struct Night {
    pub(super) now: DateTime<Utc>,
    pub(super) lanes: Vec<Lane>,
    /// Runs that failed, and none of their DAG has succeeded since; newest first.
    pub(super) failed: Vec<RunHead>,
    /// DAGs whose tick has passed, with that tick.
    pub(super) late: Vec<(String, DateTime<Utc>)>,
    /// Runs that are not over, oldest first.
    pub(super) live: Vec<RunHead>,
    /// There were more runs than are shown.
    pub(super) cut: bool,
}

/// One DAG.
pub(super) struct Lane {
    pub(super) dag: DagView,
    pub(super) late: Option<DateTime<Utc>>,
    /// Newest first.
    pub(super) runs: Vec<RunHead>,
    pub(super) ticks: Vec<TickView>,
}

/// What stands beside the name of a DAG.
pub(super) enum Tone {
    Plain,
    Said(&'static str),
}

impl Lane {
    /// What somebody should know of it, if anything.
    pub(super) fn tone(&self) -> Tone {
        match self.dag.state {
            "active" if self.late.is_some() => Tone::Said("late"),
            "active" if self.dag.trouble.is_some() => Tone::Said("trouble"),
            "active" => Tone::Plain,
            word => Tone::Said(word),
        }
    }
}

impl Night {
    pub(super) async fn of(web: &Web) -> Result<Self, Problem> {
        let now = web.now();
        let (runs, cut) = runs(web, now).await?;
        let mut by_dag: BTreeMap<String, Vec<RunHead>> = BTreeMap::new();
        for run in &runs {
            let head = RunHead::of(&run.facts, run.round, &run.phase);
            by_dag.entry(head.dag.clone()).or_default().push(head);
        }
        let mut lanes = Vec::new();
        for record in web.store().dag_records().await? {
            let runs = by_dag.remove(record.dag.as_str()).unwrap_or_default();
            if record.withdrawn && runs.is_empty() {
                continue;
            }
            lanes.push(lane(web, record, runs, now).await?);
        }
        let mut live: Vec<RunHead> = runs
            .iter()
            .filter(|run| !matches!(run.phase, Phase::Ended { .. }))
            .map(|run| RunHead::of(&run.facts, run.round, &run.phase))
            .collect();
        live.reverse();
        let mut failed: Vec<RunHead> = lanes
            .iter()
            .flat_map(|lane| still_failed(&lane.runs))
            .cloned()
            .collect();
        failed.sort_by_key(|run| std::cmp::Reverse(run.ended_at));
        let late = |lane: &Lane| lane.late.map(|tick| (lane.dag.dag.clone(), tick));
        Ok(Self {
            now,
            late: lanes.iter().filter_map(late).collect(),
            lanes,
            failed,
            live,
            cut,
        })
    }

    /// The coming ticks of all DAGs, soonest first.
    pub(super) fn coming(&self, most: usize) -> Vec<(&str, &TickView)> {
        let mut all: Vec<(&str, &TickView)> = Vec::new();
        for Lane { dag, ticks, .. } in &self.lanes {
            all.extend(ticks.iter().map(|tick| (dag.dag.as_str(), tick)));
        }
        all.sort_by_key(|(dag, tick)| (tick.utc, *dag));
        all.truncate(most);
        all
    }
}

/// Runs of the past day, and all that are under way, newest first.
async fn runs(web: &Web, now: DateTime<Utc>) -> Result<(Vec<RunSummary>, bool), Problem> {
    let since = RunFilter {
        since: Some(now - REACH),
        limit: RUNS,
        ..RunFilter::default()
    };
    let mut runs = web.store().find_runs(&since).await?;
    let cut = runs.len() >= RUNS as usize;
    let known: HashSet<RunId> = runs.iter().map(|run| run.facts.id.clone()).collect();
    for state in ["running", "queued"] {
        let filter = RunFilter {
            state: Some(state.to_owned()),
            limit: LIVE,
            ..RunFilter::default()
        };
        let older = web.store().find_runs(&filter).await?;
        runs.extend(
            older
                .into_iter()
                .filter(|run| !known.contains(&run.facts.id)),
        );
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.facts.created_at));
    Ok((runs, cut))
}

async fn lane(
    web: &Web,
    record: DagRecord,
    runs: Vec<RunHead>,
    now: DateTime<Utc>,
) -> Result<Lane, Problem> {
    let (version, decided) = (record.version.clone(), record.considered_until);
    let dag = web.dag_view(record).await?;
    let (mut late, mut ticks) = (None, Vec::new());
    if let (Some(hash), Some(_)) = (&version, &dag.next) {
        let definition = web.dag(hash).await?;
        if let Some(schedule) = definition.schedule() {
            let zone = web.settings().zone;
            late = overdue(schedule, decided, now);
            ticks = schedule
                .ticks_between(now, now + REACH)
                .take(TICKS)
                .map(|at| TickView::of(&definition, schedule, at, zone))
                .collect();
        }
    }
    Ok(Lane {
        dag,
        late,
        runs,
        ticks,
    })
}

/// The first tick that has passed and that no engine has decided about.
fn overdue(
    schedule: &Schedule,
    decided: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    schedule.ticks_between(decided?, now - GRACE).next()
}

/// Runs that failed after the last one that went well; newest first, as the runs are.
fn still_failed(runs: &[RunHead]) -> impl Iterator<Item = &RunHead> {
    let since = runs.iter().take_while(|run| run.state != "succeeded");
    since.filter(|run| matches!(run.state, "failed" | "timed_out"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_dag_is_late_from_a_minute_after_a_tick_until_an_engine_decided_about_it() {
        let schedule = Schedule::new(vec!["0 2 * * *".parse().unwrap()], chrono_tz::UTC).unwrap();
        let tick = at("2026-01-13T02:00:00Z");
        let before = Some(at("2026-01-12T02:00:00Z"));
        assert_eq!(overdue(&schedule, before, at("2026-01-13T02:00:59Z")), None);
        assert_eq!(
            overdue(&schedule, before, at("2026-01-13T02:01:00Z")),
            Some(tick)
        );
        assert_eq!(
            overdue(&schedule, Some(tick), at("2026-01-13T09:00:00Z")),
            None
        );
        assert_eq!(overdue(&schedule, None, at("2026-01-13T09:00:00Z")), None);
    }

    #[test]
    fn a_failure_stands_until_a_later_run_goes_well() {
        let run = |id: &str, state: &str| -> RunHead {
            let instant = "2026-01-13T02:00:00.000Z";
            serde_json::from_value(json!({
                "id": id, "dag": "d", "state": state, "trigger": "manual", "ingestion_id": "20260113020000",
                "logical_time": instant, "created_at": instant, "started_at": instant, "ended_at": instant,
                "profile": "p", "version": "v", "round": 1, "params": {},
            }))
            .unwrap()
        };
        let runs = [
            run("5", "running"),
            run("4", "timed_out"),
            run("3", "failed"),
            run("2", "succeeded"),
            run("1", "failed"),
        ];
        let standing: Vec<&str> = still_failed(&runs).map(|run| run.id.as_str()).collect();
        assert_eq!(standing, ["4", "3"]);
        assert_eq!(still_failed(&runs[3..]).count(), 0);
    }
}
