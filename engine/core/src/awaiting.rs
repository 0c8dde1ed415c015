//! Waiting for a run of another DAG: does it hold, can it still come, or is waiting in vain.
//!
//! A run that ended otherwise is said at once: who wants to wait for a retry of it gives the waiting task retries of its
//! own. Without a run, waiting goes on exactly while one can come by itself, or nobody but a person could bring it.

use crate::dag::Dag;
use crate::run::Instant;
use crate::ticks::IngestionId;

/// How many ticks are looked at: an id stands for all ticks up to the next instant of its rule.
const TICKS: usize = 10_000;
/// How many of the ids that would come are named.
const NEXT: usize = 3;

/// What is known of the DAG that is waited for.
#[derive(Clone, Copy)]
pub enum Other<'a> {
    /// There is none of that id.
    Unknown,
    /// Its file is gone: it makes no runs any more.
    Withdrawn,
    /// There is one.
    Known {
        /// The version that new runs take.
        dag: &'a Dag,
        /// Its ticks up to here are decided; none: no engine fires them.
        considered: Option<Instant>,
    },
}

/// The newest run with the ingestion id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// The word of its state, or of the state of the task that is waited for; none: it has no such task.
    pub state: Option<&'a str>,
    /// No engine changes that state any more.
    pub is_over: bool,
}

/// Whether to wait on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// What was waited for is so.
    Holds,
    /// Not yet.
    Waits,
    /// It came out otherwise.
    Otherwise(String),
    /// It cannot be any more.
    InVain {
        /// Why.
        why: String,
        /// The ingestion ids that would come next.
        next: Vec<IngestionId>,
    },
}

/// Judges what is seen.
#[must_use]
pub fn judge(
    wanted: &IngestionId,
    states: &[&str],
    found: Option<Found<'_>>,
    other: Other<'_>,
    now: Instant,
) -> Sight {
    let Some(found) = found else {
        return outlook(wanted, other, now);
    };
    match found.state {
        None => in_vain("its run has no such task"),
        Some(state) if states.contains(&state) => Sight::Holds,
        Some(state) if found.is_over => Sight::Otherwise(state.to_owned()),
        Some(_) => Sight::Waits,
    }
}

fn in_vain(why: impl Into<String>) -> Sight {
    Sight::InVain {
        why: why.into(),
        next: Vec::new(),
    }
}

/// There is no run: can one come?
fn outlook(wanted: &IngestionId, other: Other<'_>, now: Instant) -> Sight {
    let (dag, considered) = match other {
        Other::Unknown => return in_vain("there is no such DAG"),
        Other::Withdrawn => return in_vain("its file is gone, so it makes no runs any more"),
        Other::Known { dag, considered } => (dag, considered.unwrap_or(now)),
    };
    let rule = dag.definition().schedule.as_ref();
    // Without ticks of its own, its runs come from people, from other DAGs, from events: at any time.
    if rule.is_none_or(|rule| !rule.enabled) {
        return Sight::Waits;
    }
    if tick_of(dag, wanted, considered).is_some() {
        return Sight::Waits;
    }
    let before = chrono::Duration::seconds(1);
    let earlier = wanted.instant().checked_sub_signed(before);
    let decided = earlier
        .and_then(|from| tick_of(dag, wanted, from))
        .filter(|tick| *tick <= considered);
    let why = match decided {
        Some(tick) => format!(
            "its tick at {} was decided without a run (missed, or dropped in a pause), or its run is gone",
            tick.format("%Y-%m-%dT%H:%M:%SZ")
        ),
        None => "no tick of its schedule has that ingestion id".to_owned(),
    };
    Sight::InVain {
        why,
        next: next_ids(dag, considered.max(now)),
    }
}

/// The first tick after an instant whose run has this id.
fn tick_of(dag: &Dag, wanted: &IngestionId, after: Instant) -> Option<Instant> {
    // The id of a tick names an instant that is not after it.
    let before = wanted
        .instant()
        .checked_sub_signed(chrono::Duration::seconds(1))?;
    let ticks = dag.schedule()?.ticks_after(after.max(before)).take(TICKS);
    let with_id = ticks.filter_map(|tick| Some((tick, dag.ingestion_id(tick).ok()?)));
    with_id
        .take_while(|(_, id)| id.instant() <= wanted.instant())
        .find(|(_, id)| id == wanted)
        .map(|(tick, _)| tick)
}

fn next_ids(dag: &Dag, after: Instant) -> Vec<IngestionId> {
    let Some(schedule) = dag.schedule() else {
        return Vec::new();
    };
    let ticks = schedule.ticks_after(after).take(TICKS);
    let mut ids: Vec<IngestionId> = Vec::new();
    for id in ticks.filter_map(|tick| dag.ingestion_id(tick).ok()) {
        if ids.last() != Some(&id) {
            ids.push(id);
        }
        if ids.len() == NEXT {
            break;
        }
    }
    ids
}

#[cfg(test)]
mod tests;
