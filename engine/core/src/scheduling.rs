//! Which ticks become runs: catch-up after downtime, drops, and what a tick meets when runs are already under way.
//!
//! Each tick is decided once. First sight of a DAG, an edited schedule and a resume make no runs for the past: the caller
//! moves [`Considered`] to now. A tick that gets no run is reported as dropped, with the reason, never passed over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dag::{Catchup, Dag, Overlap};
use crate::planted::{self, Bug};
use crate::run::Instant;

/// Up to which instant the ticks of a DAG have been decided.
pub type Considered = Instant;

/// How many missed ticks one decision looks at; a longer downtime is decided in several.
const AT_ONCE: usize = 10_000;

/// What becomes of the ticks up to now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Ticks that get a run, oldest first.
    pub runs: Vec<DueTick>,
    /// Ticks that get none.
    pub dropped: Vec<Dropped>,
    /// Up to which instant ticks are decided now.
    pub considered: Option<Considered>,
}

/// A tick that gets a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueTick {
    /// The tick.
    pub tick: Instant,
    /// It was missed while no engine ran.
    pub caught_up: bool,
}

/// Ticks that get no run, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The first.
    pub first: Instant,
    /// The last.
    pub last: Instant,
    /// How many.
    pub count: u64,
    /// Why.
    pub reason: DropReason,
}

/// Why a tick got no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The DAG was paused.
    Paused,
    /// `catchup` does not ask for it.
    Catchup,
    /// It is older than `catchup_window`.
    Window,
    /// `overlap = "skip"`, and a run was under way.
    Overlap,
    /// `max_queued` ticks were waiting.
    MaxQueued,
    /// The store refused its run for as long as it was due.
    Refused,
    /// No run could be made of it.
    Unmakeable,
}

impl DropReason {
    /// One clause for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Paused => "the DAG was paused",
            Self::Catchup => {
                "missed while no engine was running, and `catchup` does not ask for it"
            }
            Self::Window => "missed while no engine was running, and older than `catchup_window`",
            Self::Overlap => "a run was under way, and `overlap` is \"skip\"",
            Self::MaxQueued => "`max_queued` ticks were already waiting",
            Self::Refused => {
                "the store refused to write its run, and now neither the schedule nor `catchup` asks for it"
            }
            Self::Unmakeable => "no run can be made of it: the log of the engine says why",
        }
    }
}

/// What is known about the DAG when its ticks are decided.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// Up to which instant ticks have been decided.
    pub considered: Considered,
    /// When this engine began: older ticks were missed.
    pub engine_since: Instant,
    /// No ticks become runs.
    pub paused: bool,
    /// Now.
    pub now: Instant,
}

/// Decides the ticks after `considered` and up to now.
#[must_use]
pub fn decide(dag: &Dag, at: Circumstances) -> Decision {
    let (Some(rule), Some(schedule)) = (&dag.definition().schedule, dag.schedule()) else {
        return Decision::default();
    };
    if !rule.enabled {
        return Decision {
            considered: Some(at.now),
            ..Decision::default()
        };
    }
    let ticks: Vec<Instant> = schedule
        .ticks_between(at.considered, at.now)
        .take(AT_ONCE)
        .collect();
    let more = ticks.len() == AT_ONCE;
    let considered = if more {
        ticks.last().copied()
    } else {
        let ahead = u64::from(planted::is(Bug::TicksAreDecidedAhead)) * 61;
        Some(at.now + Duration::from_secs(ahead))
    };
    let mut decision = Decision {
        considered,
        ..Decision::default()
    };
    if at.paused && !planted::is(Bug::PauseIsMissed) {
        decision.drop_all(&ticks, DropReason::Paused);
        return decision;
    }
    let missed = ticks.partition_point(|tick| *tick < at.engine_since);
    let (missed, live) = ticks.split_at(missed);
    decision.catch_up(missed, rule.catchup, rule.catchup_window, at.now, more);
    decision.runs.extend(live.iter().map(|tick| DueTick {
        tick: *tick,
        caught_up: false,
    }));
    decision
}

/// Whether a tick whose run was refused is still to get one, by the engine that decided about it.
///
/// # Errors
/// Why it gets none.
pub fn still_due(dag: &Dag, tick: Instant, paused: bool) -> Result<(), DropReason> {
    if paused {
        return Err(DropReason::Paused);
    }
    let rule = dag.definition().schedule.as_ref();
    let schedule = dag
        .schedule()
        .filter(|_| rule.is_some_and(|rule| rule.enabled));
    let before = tick - Duration::from_secs(1);
    let of_schedule = schedule.is_some_and(|schedule| schedule.next_after(before) == Some(tick));
    of_schedule.then_some(()).ok_or(DropReason::Refused)
}

/// Whether a tick whose run was refused is to get one by an engine that begins now: it was missed, as far as that goes.
///
/// # Errors
/// Why it gets none.
pub fn once_more(dag: &Dag, tick: Instant, now: Instant) -> Result<(), DropReason> {
    still_due(dag, tick, false)?;
    let (Some(rule), Some(schedule)) = (&dag.definition().schedule, dag.schedule()) else {
        return Err(DropReason::Refused);
    };
    let window = rule.catchup_window;
    let window = window.and_then(|window| chrono::Duration::from_std(window).ok());
    if window.is_some_and(|window| tick < now - window) {
        return Err(DropReason::Window);
    }
    let latest = || schedule.next_after(tick).is_none_or(|next| next > now);
    match rule.catchup {
        Catchup::All => Ok(()),
        Catchup::Latest if latest() => Ok(()),
        Catchup::Latest | Catchup::None => Err(DropReason::Refused),
    }
}

impl Decision {
    fn catch_up(
        &mut self,
        missed: &[Instant],
        policy: Catchup,
        window: Option<Duration>,
        now: Instant,
        more: bool,
    ) {
        let oldest = window
            .and_then(|window| now.checked_sub_signed(chrono::Duration::from_std(window).ok()?));
        let too_old = oldest.map_or(0, |oldest| missed.partition_point(|tick| *tick < oldest));
        let (old, within) = missed.split_at(too_old);
        self.drop_all(old, DropReason::Window);
        let keep = match policy {
            Catchup::None => 0,
            // While more ticks follow, the latest is not among these.
            Catchup::Latest => usize::from(!more),
            Catchup::All => within.len(),
        };
        let (mut dropped, mut kept) = within.split_at(within.len().saturating_sub(keep));
        if keep == 1 && planted::is(Bug::CatchupKeepsTheFirst) {
            (kept, dropped) = within.split_at(keep.min(within.len()));
        }
        self.drop_all(dropped, DropReason::Catchup);
        self.runs.extend(kept.iter().map(|tick| DueTick {
            tick: *tick,
            caught_up: true,
        }));
    }

    fn drop_all(&mut self, ticks: &[Instant], reason: DropReason) {
        if let (Some(first), Some(last)) = (ticks.first(), ticks.last()) {
            self.dropped.push(Dropped {
                first: *first,
                last: *last,
                count: ticks.len() as u64,
                reason,
            });
        }
    }
}

/// What a tick meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Runs under way.
    pub running: usize,
    /// Queued runs that are for a tick.
    pub queued_ticks: usize,
}

/// What a tick does to the runs that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Its run is created, and queues if it must.
    Queue,
    /// Its run is created, and the running ones are cancelled.
    CancelRunning,
    /// No run.
    Drop(DropReason),
}

/// What one tick does at `max_active_runs`.
#[must_use]
pub fn arrive(dag: &Dag, crowd: Crowd) -> Arrival {
    let definition = dag.definition();
    let Some(rule) = &definition.schedule else {
        return Arrival::Queue;
    };
    let full = crowd.running + crowd.queued_ticks >= definition.max_active_runs as usize;
    match rule.overlap {
        _ if !full => Arrival::Queue,
        Overlap::Skip => Arrival::Drop(DropReason::Overlap),
        Overlap::CancelRunning => Arrival::CancelRunning,
        Overlap::Queue if crowd.queued_ticks >= rule.max_queued as usize => {
            Arrival::Drop(DropReason::MaxQueued)
        }
        Overlap::Queue => Arrival::Queue,
    }
}
