//! The naive local calendar: which wall times match the sets of an expression.
//!
//! Guarantees: the answer is the smallest match not before the given wall
//! time; the search looks at most [`MONTHS_AHEAD`] months ahead, which covers
//! the eight years between the leap days around 2100.
//!
//! Never: knows a time zone. A wall time is a count of seconds since
//! 1970-01-01 00:00:00 on the wall, without leap seconds.

use chrono::{Datelike, NaiveDate};
use cron::TimeUnitSpec as _;

pub(super) const MINUTE: i64 = 60;
pub(super) const DAY: i64 = 86_400;
const MINUTES_PER_DAY: i64 = 1_440;
const MONTHS_AHEAD: usize = 9 * 12;

/// The sets of values of the five fields, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldSets {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Bit 0 is Sunday.
    weekdays: u64,
    pub(super) days_free: bool,
    pub(super) weekdays_free: bool,
}

impl FieldSets {
    /// Takes over what the `cron` crate parsed from a normalised expression.
    pub(super) fn new(parsed: &cron::Schedule, days_free: bool, weekdays_free: bool) -> Self {
        Self {
            minutes: bits(parsed.minutes().iter()),
            hours: bits(parsed.hours().iter()),
            days: bits(parsed.days_of_month().iter()),
            months: bits(parsed.months().iter()),
            weekdays: bits(parsed.days_of_week().iter()) >> 1,
            days_free,
            weekdays_free,
        }
    }

    /// The weekdays as bits, Sunday first.
    pub(super) fn weekdays(&self) -> u64 {
        self.weekdays
    }

    /// Whether there is a date at all that matches. A weekday always comes.
    pub(super) fn can_fire(&self) -> bool {
        let longest = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let fits = |month: u32| self.days & up_to(longest(month)) != 0;
        self.days_free
            || !self.weekdays_free
            || (1..=12).any(|month| has(self.months, month) && fits(month))
    }

    /// The first matching wall time that is not before `wall`.
    pub(super) fn next_match(&self, wall: i64) -> Option<i64> {
        let minute = wall.div_euclid(MINUTE) + i64::from(wall.rem_euclid(MINUTE) != 0);
        let (day, minute) = (
            minute.div_euclid(MINUTES_PER_DAY),
            minute.rem_euclid(MINUTES_PER_DAY),
        );
        let matching = self.next_day(day)?;
        if matching == day
            && let Some(minute) = self.next_minute(minute)
        {
            return Some(day * DAY + minute * MINUTE);
        }
        let matching = if matching == day {
            self.next_day(day + 1)?
        } else {
            matching
        };
        Some(matching * DAY + self.next_minute(0)? * MINUTE)
    }

    /// The first matching minute of a day that is not before `from`.
    fn next_minute(&self, from: i64) -> Option<i64> {
        let (hour, minute) = (from / 60, from % 60);
        if has(self.hours, u32::try_from(hour).ok()?)
            && let Some(minute) = first_from(self.minutes, minute)
        {
            return Some(hour * 60 + minute);
        }
        let hour = first_from(self.hours, hour + 1)?;
        Some(hour * 60 + first_from(self.minutes, 0)?)
    }

    /// The first matching date that is not before `day`, both in days since
    /// 1970-01-01.
    fn next_day(&self, day: i64) -> Option<i64> {
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        let mut first = date.with_day(1)?;
        let mut from = i64::from(date.day());
        for _ in 0..MONTHS_AHEAD {
            if has(self.months, first.month())
                && let Some(found) = first_from(self.days_of(first), from)
            {
                return Some(i64::from(first.to_epoch_days()) + found - 1);
            }
            first = first_of_next_month(first)?;
            from = 1;
        }
        None
    }

    /// The matching days of the month that begins with `first`, as bits.
    fn days_of(&self, first: NaiveDate) -> u64 {
        let whole = up_to(u32::from(first.num_days_in_month()));
        match (self.days_free, self.weekdays_free) {
            (true, true) => whole,
            (false, true) => self.days & whole,
            (true, false) => self.days_by_weekday(first) & whole,
            (false, false) => (self.days | self.days_by_weekday(first)) & whole,
        }
    }

    fn days_by_weekday(&self, first: NaiveDate) -> u64 {
        let weekday = first.weekday().num_days_from_sunday();
        (1..=31)
            .filter(|day| has(self.weekdays, (weekday + day - 1) % 7))
            .fold(0, |days, day| days | 1 << day)
    }
}

fn first_of_next_month(first: NaiveDate) -> Option<NaiveDate> {
    match first.month() {
        12 => NaiveDate::from_ymd_opt(first.year() + 1, 1, 1),
        month => first.with_month(month + 1),
    }
}

fn bits(values: impl Iterator<Item = u32>) -> u64 {
    values.fold(0, |set, value| set | 1 << value)
}

fn has(set: u64, value: u32) -> bool {
    set >> value & 1 == 1
}

/// Bits 1 to `last`.
fn up_to(last: u32) -> u64 {
    (1 << (last + 1)) - 2
}

/// The smallest member of the set that is not below `from`.
fn first_from(set: u64, from: i64) -> Option<i64> {
    let from = u32::try_from(from).ok()?;
    let rest = set & u64::MAX.checked_shl(from)?;
    (rest != 0).then(|| i64::from(rest.trailing_zeros()))
}
