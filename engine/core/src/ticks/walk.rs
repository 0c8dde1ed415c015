//! The ticks of one expression in one zone, in ascending order.
//!
//! A zone is a row of stretches with one offset each. Within a stretch the
//! naive calendar decides; at its two ends the policies for gaps and folds do.
//!
//! Guarantees: order by instant; each instant once; an end of the search after
//! [`HORIZON`] without a tick.
//!
//! Never: holds more of the zone than the stretch it is in.

use chrono_tz::Tz;

use super::calendar::DAY;
use super::cron::Cron;
use super::schedule::{DstFold, DstGap};
use super::zone::{CHANGE_LIMIT, Change, OFFSET_LIMIT, first_change, last_change, offset_at};
use crate::planted::{self, Bug};

/// How far beyond the last tick the next one is looked for. The calendar
/// repeats after 28 years, and 29 February is 8 years away at most.
pub(super) const HORIZON: i64 = 28 * 366 * DAY;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits can say.
pub(super) const FIRST_INSTANT: i64 = -62_135_596_800;
pub(super) const LAST_INSTANT: i64 = 253_402_300_799;

/// A zone with the policies for its gaps and folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) zone: Tz,
    pub(super) gap: DstGap,
    pub(super) fold: DstFold,
}

/// Instants with one offset, and the changes close enough to matter in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) offset: i64,
    /// The last change not after the start, if it is near.
    pub(super) before: Option<Change>,
    /// The first change after the start, if it is near.
    pub(super) after: Option<Change>,
    /// The stretch is known up to here, and not further.
    until: i64,
}

impl Stretch {
    /// A fold is shorter than [`CHANGE_LIMIT`], so one that ends further back
    /// or begins further ahead touches nothing in here.
    pub(super) fn from(zone: Tz, start: i64) -> Self {
        let known = start + CHANGE_LIMIT;
        let after = first_change(zone, start, known + CHANGE_LIMIT);
        Self {
            offset: offset_at(zone, start),
            before: last_change(zone, start - CHANGE_LIMIT, start),
            after,
            until: after.map_or(known, |change| change.at.min(known)),
        }
    }
}

/// A search that goes on where it left off.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    cron: &'a Cron,
    clock: Clock,
    /// No tick before this instant has yet to be given.
    cursor: i64,
    /// No tick after this instant is wanted.
    last: i64,
    stretch: Option<Stretch>,
}

impl<'a> Walk<'a> {
    /// All ticks from `first` to `last`, both included.
    pub(super) fn new(cron: &'a Cron, clock: Clock, first: i64, last: i64) -> Self {
        Self {
            cron,
            clock,
            cursor: first.max(FIRST_INSTANT),
            last: last.min(LAST_INSTANT),
            stretch: None,
        }
    }

    pub(super) fn next_tick(&mut self) -> Option<i64> {
        let horizon = self.last.min(self.cursor.saturating_add(HORIZON));
        while self.cursor <= horizon {
            let stretch = self.current_stretch()?;
            match self.tick_in(stretch) {
                Some(tick) if tick > self.last => return None,
                Some(tick) => {
                    self.cursor = tick + 1;
                    return Some(tick);
                }
                None => self.cursor = stretch.until,
            }
        }
        None
    }

    /// The stretch that the cursor is in. Where a new one begins, the cursor
    /// first leaps over the time in which no date matches.
    fn current_stretch(&mut self) -> Option<Stretch> {
        if let Some(stretch) = self.stretch.filter(|stretch| self.cursor < stretch.until) {
            return Some(stretch);
        }
        // A wall time is less than `OFFSET_LIMIT` away from its instant, also
        // when it is moved to the end of a gap; hence nothing is leapt over.
        let wall = self.cursor + offset_at(self.clock.zone, self.cursor);
        let matching = self.cron.next_match(wall - CHANGE_LIMIT)?;
        self.cursor = self.cursor.max(matching - OFFSET_LIMIT);
        if self.cursor > LAST_INSTANT {
            return None;
        }
        let stretch = Stretch::from(self.clock.zone, self.cursor);
        self.stretch = Some(stretch);
        Some(stretch)
    }

    fn tick_in(&self, stretch: Stretch) -> Option<i64> {
        if self.fires_after_gap(stretch) {
            return Some(self.cursor);
        }
        let (from, to) = self.wall_times(stretch);
        let wall = self.cron.next_match(from)?;
        (wall < to).then_some(wall - stretch.offset)
    }

    /// Whether a gap ends at the cursor that swallowed a matching wall time.
    fn fires_after_gap(&self, stretch: Stretch) -> bool {
        let gap = stretch
            .before
            .filter(|change| change.at == self.cursor)
            .and_then(Change::gap);
        !self.cron.is_real()
            && self.clock.gap == DstGap::FireAfter
            && !planted::is(Bug::GapNeverFires)
            && gap
                .is_some_and(|(from, to)| self.cron.next_match(from).is_some_and(|wall| wall < to))
    }

    /// The wall times from the cursor to the end of the stretch, without the
    /// half of a fold that the policy leaves out.
    fn wall_times(&self, stretch: Stretch) -> (i64, i64) {
        let mut from = self.cursor + stretch.offset;
        let mut to = stretch.until + stretch.offset;
        if self.cron.is_real() || planted::is(Bug::FoldFiresTwice) {
            return (from, to);
        }
        match self.clock.fold {
            DstFold::First => {
                if let Some((_, end)) = stretch.before.and_then(Change::fold) {
                    from = from.max(end);
                }
            }
            DstFold::Second => {
                if let Some((start, _)) = stretch.after.and_then(Change::fold) {
                    to = to.min(start);
                }
            }
            DstFold::Both => {}
        }
        (from, to)
    }
}
