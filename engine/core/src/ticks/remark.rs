//! What a person should know about ticks near a change of the clocks.
//!
//! Guarantees: a remark is made only where the wall clock misleads: a tick
//! moved to the end of a gap, a wall time that comes twice, or a tick that is
//! left out.
//!
//! Never: changes a tick. The ticks are what the schedule says.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::cron::Cron;
use super::schedule::{DstGap, Schedule};
use super::walk::{FIRST_INSTANT, LAST_INSTANT, Stretch};
use super::zone::{Change, first_change};

const WALL_FORMAT: &str = "%Y-%m-%d %H:%M";

/// Something about one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TickRemark {
    /// The local time does not exist; the tick is at the end of the gap.
    Shifted {
        /// The local time that was asked for; the first, if there are several.
        missing: NaiveDateTime,
    },
    /// The local time comes twice, and this is the first.
    FirstOfTwo {
        /// The other instant.
        second: DateTime<Utc>,
    },
    /// The local time comes twice, and this is the second.
    SecondOfTwo {
        /// The other instant.
        first: DateTime<Utc>,
    },
}

impl fmt::Display for TickRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shifted { missing } => {
                let missing = missing.format(WALL_FORMAT);
                write!(
                    f,
                    "the local time {missing} does not exist; fires at the end of the gap"
                )
            }
            Self::FirstOfTwo { second } => {
                let second = second.format("%H:%M");
                write!(
                    f,
                    "this local time comes twice; first of the two, the second is at {second} UTC"
                )
            }
            Self::SecondOfTwo { first } => {
                let first = first.format("%H:%M");
                write!(
                    f,
                    "this local time comes twice; second of the two, the first is at {first} UTC"
                )
            }
        }
    }
}

/// Why an expression has no tick for a local time in a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// The hour field holds a `*` or a `/`, so that only real times count,
    /// and no tick of the schedule stands in for the one that is missing.
    Real,
    /// `dst_gap = "skip"`.
    Skip,
}

/// Ticks that one expression loses in one gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostTicks {
    /// The expression as it was written.
    pub cron: String,
    /// The first local time that is lost.
    pub first: NaiveDateTime,
    /// How many are lost.
    pub count: usize,
    /// The instant at which the clocks change.
    pub at: DateTime<Utc>,
    /// Why nothing fires instead.
    pub reason: LossReason,
}

impl fmt::Display for LostTicks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cron, first) = (&self.cron, self.first.format(WALL_FORMAT));
        let why = match self.reason {
            LossReason::Real => {
                "its hour field has a * or a /, so that only times on the clock count"
            }
            LossReason::Skip => "dst_gap is skip",
        };
        match self.count {
            0 | 1 => write!(
                f,
                "`{cron}` has no tick for {first}, which does not exist: {why}"
            ),
            count => write!(
                f,
                "`{cron}` has no tick for {count} local times from {first}, which do not exist: {why}"
            ),
        }
    }
}

impl Schedule {
    /// What is worth saying about one of the schedule's ticks.
    #[must_use]
    pub fn remark(&self, tick: DateTime<Utc>) -> Option<TickRemark> {
        let instant = tick.timestamp().clamp(FIRST_INSTANT, LAST_INSTANT);
        let stretch = Stretch::from(self.zone(), instant);
        self.shifted(stretch, instant).or_else(|| {
            let wall = instant + stretch.offset;
            second_of_two(stretch, wall).or_else(|| first_of_two(stretch, wall))
        })
    }

    /// The ticks that expressions lose in the gaps after `from`, up to `to`.
    #[must_use]
    pub fn losses_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<LostTicks> {
        let mut from = from.timestamp().max(FIRST_INSTANT);
        let to = to.timestamp().min(LAST_INSTANT);
        let mut losses = Vec::new();
        while let Some(change) = first_change(self.zone(), from, to) {
            losses.extend(self.losses_in(change));
            from = change.at;
        }
        losses
    }

    fn shifted(&self, stretch: Stretch, instant: i64) -> Option<TickRemark> {
        let change = stretch.before.filter(|change| change.at == instant)?;
        let (start, end) = change.gap()?;
        let missing = self
            .crons()
            .iter()
            .filter(|cron| !cron.is_real() && self.gap() == DstGap::FireAfter)
            .filter_map(|cron| cron.next_match(start))
            .min()
            .filter(|wall| *wall < end)?;
        wall_time(missing).map(|missing| TickRemark::Shifted { missing })
    }

    fn losses_in(&self, change: Change) -> Vec<LostTicks> {
        let inside = |at| {
            self.start().is_none_or(|start| start <= at) && self.end().is_none_or(|end| at <= end)
        };
        let Some(at) = DateTime::from_timestamp(change.at, 0).filter(|at| inside(*at)) else {
            return Vec::new();
        };
        let crons = self.crons().iter();
        crons
            .filter_map(|cron| self.loss_of(cron, change, at))
            .collect()
    }

    fn loss_of(&self, cron: &Cron, change: Change, at: DateTime<Utc>) -> Option<LostTicks> {
        let reason = match (cron.is_real(), self.gap()) {
            (true, _) => LossReason::Real,
            (false, DstGap::Skip) => LossReason::Skip,
            (false, DstGap::FireAfter) => return None,
        };
        let mut lost = walls_in_gap(cron, change)
            .filter(|wall| reason == LossReason::Skip || !self.stood_in_for(*wall, change));
        let first = wall_time(lost.next()?)?;
        Some(LostTicks {
            cron: cron.as_str().to_owned(),
            first,
            count: 1 + lost.count(),
            at,
            reason,
        })
    }

    /// Whether the schedule fires at the instant that a wall time in a gap
    /// would have had on the old clock, as an hourly one always does.
    fn stood_in_for(&self, wall: i64, change: Change) -> bool {
        let instant = wall - change.before;
        DateTime::from_timestamp(instant, 0).is_some_and(|instant| self.is_tick(instant))
    }
}

fn walls_in_gap(cron: &Cron, change: Change) -> impl Iterator<Item = i64> + '_ {
    let (start, end) = change.gap().unwrap_or_default();
    let first = cron.next_match(start);
    std::iter::successors(first, |wall| cron.next_match(wall + 1))
        .take_while(move |wall| *wall < end)
}

fn second_of_two(stretch: Stretch, wall: i64) -> Option<TickRemark> {
    let change = stretch.before?;
    let (_, end) = change.fold()?;
    let first = wall - change.before;
    let first = DateTime::from_timestamp(first, 0).filter(|_| wall < end)?;
    Some(TickRemark::SecondOfTwo { first })
}

fn first_of_two(stretch: Stretch, wall: i64) -> Option<TickRemark> {
    let change = stretch.after?;
    let (start, _) = change.fold()?;
    let second = wall - change.after;
    let second = DateTime::from_timestamp(second, 0).filter(|_| wall >= start)?;
    Some(TickRemark::FirstOfTwo { second })
}

fn wall_time(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|wall| wall.naive_utc())
}
