//! Which ticks a backfill is for, and what is to be done for each.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use thiserror::Error;

use super::{Errand, Night, NightState, Only};
use crate::dag::Dag;
use crate::name::RunId;
use crate::run::{Instant, Phase, RunEnding, RunFacts};
use crate::ticks::{MomentError, parse_moment};

/// The most ticks of one range.
pub const LARGEST: usize = 10_000;

/// From one instant to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: Instant,
    /// The last.
    pub to: Instant,
}

impl Range {
    /// Reads a range as people type it. A bare date as its end is that whole day, on the wall clock of the zone.
    ///
    /// # Errors
    /// One of the two is no time; its name is said first.
    pub fn read(from: &str, to: &str, zone: Tz, now: Instant) -> Result<Self, String> {
        let wrong = |name: &'static str| move |error: MomentError| format!("{name}: {error}");
        let day = NaiveDate::parse_from_str(to, "%Y-%m-%d").ok();
        let next = day
            .filter(|_| to.len() == 10)
            .and_then(|day| day.succ_opt());
        let to = match next {
            Some(next) => {
                let next = parse_moment(&next.to_string(), zone, now).map_err(wrong("to"))?;
                next - chrono::Duration::seconds(1)
            }
            None => parse_moment(to, zone, now).map_err(wrong("to"))?,
        };
        let from = parse_moment(from, zone, now).map_err(wrong("from"))?;
        Ok(Self { from, to })
    }
}

impl Range {
    /// From the first to the last of these.
    #[must_use]
    pub fn over(ticks: &[Instant]) -> Self {
        let last = ticks.last().copied().unwrap_or_default();
        Self {
            from: ticks.first().copied().unwrap_or_default(),
            to: last,
        }
    }
}

/// A run that a tick has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    tick: Instant,
    run: RunId,
    state: &'static str,
    ending: Option<RunEnding>,
}

impl Existing {
    /// Of a run that is for a tick; any other is none.
    #[must_use]
    pub fn of(facts: &RunFacts, phase: &Phase) -> Option<Self> {
        let ending = match phase {
            Phase::Ended { ending, .. } => Some(*ending),
            Phase::Queued { .. } | Phase::Running { .. } => None,
        };
        Some(Self {
            tick: facts.trigger.tick()?,
            run: facts.id.clone(),
            state: phase.word(),
            ending,
        })
    }

    /// The tick.
    #[must_use]
    pub fn tick(&self) -> Instant {
        self.tick
    }

    /// Its run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

/// What a backfill would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The ticks that something is done for, oldest first.
    pub nights: Vec<Night>,
    /// The ticks that are left as they are, oldest first.
    pub left: Vec<Left>,
}

/// A tick that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The tick.
    pub tick: Instant,
    /// Its run, where it has one.
    pub run: Option<RunId>,
    /// Why.
    pub why: String,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// Ticks come from a schedule.
    #[error("`{0}` has no schedule, so it has no ticks: trigger its runs, with `--at`")]
    NoSchedule(String),
    /// The range is empty, or upside down.
    #[error("the range ends before it begins")]
    UpsideDown,
    /// The range is still to come.
    #[error("the range begins in the future: a backfill is for past ticks")]
    Future,
    /// The schedule does not fire in it.
    #[error("the schedule has no tick in this range")]
    NoTick,
    /// More than one backfill can hold.
    #[error(
        "the range has more than {LARGEST} ticks: take a shorter one, up to {last} for example"
    )]
    TooMany {
        /// The last one that would still do.
        last: Instant,
    },
    /// A tick has no ingestion id.
    #[error("the tick {tick} has no ingestion id: {why}")]
    NoIngestionId {
        /// The tick.
        tick: Instant,
        /// Why.
        why: String,
    },
}

/// Plans a backfill over the ticks of a range that are not after now; `enabled` and a pause of the DAG are not looked at.
///
/// # Errors
/// The range has no tick, or too many.
pub fn plan(
    dag: &Dag,
    range: Range,
    only: Only,
    now: Instant,
    existing: &[Existing],
) -> Result<Plan, PlanError> {
    let there: BTreeMap<Instant, &Existing> =
        existing.iter().map(|known| (known.tick, known)).collect();
    let mut plan = Plan::default();
    for tick in ticks(dag, range, now)? {
        match choice(only, there.get(&tick).copied()) {
            Ok(errand) => plan.nights.push(Night {
                tick,
                ingestion_id: dag.ingestion_id(tick).map_err(|error| {
                    let why = error.to_string();
                    PlanError::NoIngestionId { tick, why }
                })?,
                errand,
                state: NightState::Waiting,
            }),
            Err((run, why)) => plan.left.push(Left { tick, run, why }),
        }
    }
    Ok(plan)
}

/// The ticks that a plan is for, oldest first: they are counted before anything is read for them.
///
/// # Errors
/// The range has no tick, or too many.
pub fn ticks(dag: &Dag, range: Range, now: Instant) -> Result<Vec<Instant>, PlanError> {
    let schedule = dag
        .schedule()
        .ok_or_else(|| PlanError::NoSchedule(dag.definition().id.to_string()))?;
    if range.to < range.from {
        return Err(PlanError::UpsideDown);
    }
    if range.from > now {
        return Err(PlanError::Future);
    }
    let before = range.from - chrono::Duration::seconds(1);
    let between = schedule.ticks_between(before, range.to.min(now));
    // An instant between two seconds is after the tick of its second.
    let within = between.filter(|tick| *tick >= range.from);
    let ticks: Vec<Instant> = within.take(LARGEST + 1).collect();
    match ticks.len() {
        0 => Err(PlanError::NoTick),
        count if count > LARGEST => Err(PlanError::TooMany {
            last: ticks[LARGEST - 1],
        }),
        _ => Ok(ticks),
    }
}

fn choice(only: Only, there: Option<&Existing>) -> Result<Errand, (Option<RunId>, String)> {
    let Some(there) = there else {
        return match only {
            Only::Missing | Only::All => Ok(Errand::Make),
            Only::Failed => Err((None, "it has no run".to_owned())),
        };
    };
    let run = there.run.clone();
    let left = |why: String| Err((Some(there.run.clone()), why));
    match (only, there.ending) {
        (Only::Missing, _) => left(format!("it has a run, which is {}", there.state)),
        (_, None) => left(format!("its run is {}", there.state)),
        (Only::Failed, Some(RunEnding::Succeeded)) => left("its run succeeded".to_owned()),
        (Only::Failed, Some(_)) => Ok(Errand::Retry { run }),
        (Only::All, Some(_)) => Ok(Errand::Again { run }),
    }
}
