//! `must_end_by`: when the run of a tick is late.

use chrono::Days;

use super::notice::Notice;
use super::rule::Occasion;
use crate::dag::Dag;
use crate::run::{Instant, Phase, Run, Trigger};
use crate::ticks::local_to_utc;

/// When this run is late if it is not over: the first `must_end_by` after its tick, on the wall clock of the schedule's
/// zone. A run that was asked for, and that of a backfill, is never late.
#[must_use]
pub fn late_at(dag: &Dag, run: &Run) -> Option<Instant> {
    let tick = match &run.facts.trigger {
        Trigger::Schedule { tick } | Trigger::CatchUp { tick } if run.backfill.is_none() => *tick,
        _ => return None,
    };
    let time = dag.definition().must_end_by?;
    let zone = dag.schedule()?.zone();
    let day = tick.with_timezone(&zone).date_naive();
    // A day may lose its hour, so that the first candidate is not after the tick.
    (0..3)
        .filter_map(|days| day.checked_add_days(Days::new(days)))
        .map(|day| local_to_utc(zone, day.and_time(time)))
        .find(|at| *at > tick)
}

/// By when this run is to end. None where it is over, or where somebody opened its round when that time had passed.
#[must_use]
pub fn must_end(dag: &Dag, run: &Run) -> Option<Instant> {
    if run.is_over() {
        return None;
    }
    late_at(dag, run).filter(|by| !is_known(run, *by))
}

/// Somebody opened this round when the time had passed: they know.
fn is_known(run: &Run, by: Instant) -> bool {
    let since = match &run.phase {
        Phase::Ended { at, .. } => *at,
        Phase::Running { started_at, .. } => *started_at,
        Phase::Queued { since } => *since,
    };
    run.round > 1 && since > by
}

/// What is said of a run that is not over at that instant. It has not even begun: then that is said.
#[must_use]
pub fn lateness(dag: &Dag, run: &Run, by: Instant, now: Instant) -> Option<Notice> {
    let rule = dag.definition().notify.as_ref()?;
    if run.is_over() || is_known(run, by) {
        return None;
    }
    let begun = matches!(run.phase, Phase::Running { .. });
    let occasion = if !begun && rule.tells(Occasion::NeverStarted) {
        Occasion::NeverStarted
    } else {
        Occasion::Late
    };
    if !rule.tells(occasion) {
        return None;
    }
    let zone = dag.schedule()?.zone();
    let by = by.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    let what = if begun {
        format!("it was to end by {by} ({zone}) and is still running")
    } else {
        format!("it was to end by {by} ({zone}) and has not begun")
    };
    let id = &run.facts.id;
    Some(Notice {
        id: Notice::id_of(&["late", id.as_str(), &run.round.to_string()]),
        occasion,
        at: now,
        dag: run.facts.dag.clone(),
        run: Some(id.clone()),
        ingestion_id: Some(run.facts.ingestion_id.as_str().to_owned()),
        task: None,
        class: None,
        through: None,
        what,
    })
}
