//! A schedule: expressions in a zone, with policies for changes of the clocks.
//!
//! Guarantees: its ticks are the union of those of its expressions, each
//! instant once, in ascending order, none before the start or after the end.
//!
//! Never: asks what time it is. The instant to search from is a parameter.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cron::Cron;
use super::walk::{Clock, FIRST_INSTANT, HORIZON, LAST_INSTANT, Walk};

/// What becomes of a local time that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DstGap {
    /// It fires at the first instant after the gap.
    #[default]
    FireAfter,
    /// It does not fire.
    Skip,
}

/// What becomes of a local time that exists twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DstFold {
    /// It fires at the first of the two instants.
    #[default]
    First,
    /// It fires at the second of the two instants.
    Second,
    /// It fires at both.
    Both,
}

/// Why a schedule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// No expression at all.
    #[error("the list of cron expressions is empty: at least one is needed")]
    NoExpression,
    /// The end comes before the start.
    #[error("the schedule ends at {end} before it starts at {start}")]
    EndsBeforeStart {
        /// The first instant allowed.
        start: DateTime<Utc>,
        /// The last instant allowed.
        end: DateTime<Utc>,
    },
}

/// When a DAG runs by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    crons: Vec<Cron>,
    clock: Clock,
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
}

impl Schedule {
    /// A schedule with the default policies and without start and end.
    ///
    /// # Errors
    /// There is no expression.
    pub fn new(crons: Vec<Cron>, zone: Tz) -> Result<Self, ScheduleError> {
        if crons.is_empty() {
            return Err(ScheduleError::NoExpression);
        }
        let clock = Clock {
            zone,
            gap: DstGap::default(),
            fold: DstFold::default(),
        };
        Ok(Self {
            crons,
            clock,
            start: None,
            end: None,
        })
    }

    /// The same schedule with these policies for changes of the clocks.
    #[must_use]
    pub fn with_dst(mut self, gap: DstGap, fold: DstFold) -> Self {
        self.clock = Clock {
            gap,
            fold,
            ..self.clock
        };
        self
    }

    /// The same schedule without ticks before `start` and after `end`; ticks
    /// exactly at one of them stay.
    ///
    /// # Errors
    /// The end is before the start.
    pub fn within(
        self,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
    ) -> Result<Self, ScheduleError> {
        match (start, end) {
            (Some(start), Some(end)) if end < start => {
                Err(ScheduleError::EndsBeforeStart { start, end })
            }
            _ => Ok(Self { start, end, ..self }),
        }
    }

    /// Its expressions, in the order in which they were given.
    #[must_use]
    pub fn crons(&self) -> &[Cron] {
        &self.crons
    }

    /// The zone whose wall clock its expressions are about.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.clock.zone
    }

    /// What becomes of local times that do not exist.
    #[must_use]
    pub fn gap(&self) -> DstGap {
        self.clock.gap
    }

    /// What becomes of local times that exist twice.
    #[must_use]
    pub fn fold(&self) -> DstFold {
        self.clock.fold
    }

    /// No tick is before this instant.
    #[must_use]
    pub fn start(&self) -> Option<DateTime<Utc>> {
        self.start
    }

    /// No tick is after this instant.
    #[must_use]
    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.end
    }

    /// The first tick strictly after `t`.
    #[must_use]
    pub fn next_after(&self, t: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.ticks_after(t).next()
    }

    /// All ticks strictly after `t`, in order.
    #[must_use]
    pub fn ticks_after(&self, t: DateTime<Utc>) -> Ticks<'_> {
        self.ticks(t.timestamp() + 1, LAST_INSTANT)
    }

    /// All ticks strictly after the first instant, up to the second, which is
    /// included.
    #[must_use]
    pub fn ticks_between(
        &self,
        from_exclusive: DateTime<Utc>,
        to_inclusive: DateTime<Utc>,
    ) -> Ticks<'_> {
        self.ticks(from_exclusive.timestamp() + 1, to_inclusive.timestamp())
    }

    /// Whether the schedule fires at exactly this instant.
    #[must_use]
    pub fn is_tick(&self, t: DateTime<Utc>) -> bool {
        t.timestamp_subsec_nanos() == 0 && self.has_tick(t.timestamp(), t.timestamp())
    }

    /// The last tick that is not after `t`. The search reaches back 28 years.
    #[must_use]
    pub fn latest_at_or_before(&self, t: DateTime<Utc>) -> Option<DateTime<Utc>> {
        const HOUR: i64 = 3_600;
        let last = self.last_instant().min(t.timestamp());
        let lowest = self.first_instant().max(last.saturating_sub(HORIZON)) - 1;
        let (mut low, mut high) = self.doubling_window(lowest, last, HOUR)?;
        while high - low > HOUR {
            let middle = low + (high - low) / 2;
            if self.has_tick(middle + 1, high) {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.ticks(low + 1, high).last()
    }

    /// The shortest window back from `last` that holds a tick, out of those
    /// that double in length: after its first instant, up to its second.
    fn doubling_window(&self, lowest: i64, last: i64, mut length: i64) -> Option<(i64, i64)> {
        let mut high = last;
        while high > lowest {
            let low = lowest.max(high - length);
            if self.has_tick(low + 1, high) {
                return Some((low, high));
            }
            high = low;
            length *= 2;
        }
        None
    }

    fn has_tick(&self, first: i64, last: i64) -> bool {
        self.ticks(first, last).next().is_some()
    }

    /// Ticks from `first` to `last` in seconds, both included.
    fn ticks(&self, first: i64, last: i64) -> Ticks<'_> {
        let first = first.max(self.first_instant());
        let last = last.min(self.last_instant());
        let walk = |cron| Head::new(Walk::new(cron, self.clock, first, last));
        Ticks {
            heads: self.crons.iter().map(walk).collect(),
        }
    }

    fn first_instant(&self) -> i64 {
        self.start.map_or(FIRST_INSTANT, |start| {
            start.timestamp() + i64::from(start.timestamp_subsec_nanos() > 0)
        })
    }

    fn last_instant(&self) -> i64 {
        self.end.map_or(LAST_INSTANT, |end| end.timestamp())
    }
}

/// The ticks of a schedule in ascending order, each once.
#[derive(Clone, Debug)]
pub struct Ticks<'a> {
    heads: Vec<Head<'a>>,
}

/// The ticks of one expression, of which the next is already known.
#[derive(Clone, Debug)]
struct Head<'a> {
    walk: Walk<'a>,
    tick: Option<i64>,
}

impl<'a> Head<'a> {
    fn new(mut walk: Walk<'a>) -> Self {
        let tick = walk.next_tick();
        Self { walk, tick }
    }
}

impl Iterator for Ticks<'_> {
    type Item = DateTime<Utc>;

    fn next(&mut self) -> Option<Self::Item> {
        let earliest = self.heads.iter().filter_map(|head| head.tick).min()?;
        for head in &mut self.heads {
            if head.tick == Some(earliest) {
                head.tick = head.walk.next_tick();
            }
        }
        DateTime::from_timestamp(earliest, 0)
    }
}
