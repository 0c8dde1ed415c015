//! The filters on times: `date`, `add` and `start_of`.
//!
//! A time is RFC 3339, a `YYYY-MM-DD` date or an ingestion id; an ingestion id of 14 digits is an instant in UTC, one
//! of 8 digits a date. A date is a day of the calendar and stays the same day in every zone.
//!
//! Guarantees: results lie in the years 1 to 9999. Never: the clock, or the zone of the machine.

use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat,
    TimeDelta, Utc,
};
use chrono_tz::Tz;
use serde_json::Value;

use super::arguments::{Arguments, UNITS};
use super::error::{Fault, excerpt};
use super::limits::{Budget, CELL};
use super::operator::index;
use crate::ticks::{local_to_utc, parse_zone};

/// A time as a template sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Instant(DateTime<Utc>),
    Day(NaiveDate),
}

/// `date(format, tz)`: a time as text.
pub(super) fn date(
    text: &str,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let moment = read(text)?;
    let pattern = arguments.text(0)?.unwrap_or_default();
    budget.spend(pattern.len().saturating_mul(CELL))?;
    let items = format_items(pattern)?;
    let zone = zone(arguments)?;
    let mut written = String::new();
    let done = match moment {
        Moment::Instant(time) => write!(
            written,
            "{}",
            time.with_timezone(&zone).format_with_items(items.iter())
        ),
        Moment::Day(day) => {
            let midnight = local_to_utc(zone, day.and_time(NaiveTime::MIN)).with_timezone(&zone);
            write!(written, "{}", midnight.format_with_items(items.iter()))
        }
    };
    done.map_err(|_| unfit_format(pattern))?;
    Ok(Value::String(written))
}

/// The parts of a `strftime` format.
pub(super) fn format_items(pattern: &str) -> Result<Vec<Item<'_>>, Fault> {
    let items: Vec<Item<'_>> = StrftimeItems::new(pattern).collect();
    if items.contains(&Item::Error) {
        return Err(unfit_format(pattern));
    }
    Ok(items)
}

fn unfit_format(pattern: &str) -> Fault {
    Fault::operand(format!("`{}` is no format for times", excerpt(pattern)))
}

/// `add(days=-1, …)`: a later or earlier time. Months first, then the rest.
pub(super) fn add(text: &str, arguments: &Arguments<'_>) -> Result<Value, Fault> {
    let mut amounts = [0_i64; UNITS.len()];
    for (at, amount) in amounts.iter_mut().enumerate() {
        *amount = arguments.get(at).map_or(Ok(0), index)?;
    }
    let [minutes, hours, days, weeks, months] = amounts;
    let days = weeks.checked_mul(7).and_then(|week| week.checked_add(days));
    let minutes = hours
        .checked_mul(60)
        .and_then(|hour| hour.checked_add(minutes));
    let (Some(days), Some(minutes)) = (days, minutes) else {
        return Err(too_far());
    };
    shift(read(text)?, months, days, minutes)?.write()
}

fn shift(moment: Moment, months: i64, days: i64, minutes: i64) -> Result<Moment, Fault> {
    let moved = match moment {
        Moment::Day(_) if minutes != 0 => {
            return Err(Fault::operand("a date has no hours and minutes to add to"));
        }
        Moment::Day(day) => moved_day(day, months, days).map(Moment::Day),
        Moment::Instant(time) => moved_day(time.date_naive(), months, days)
            .map(|day| day.and_time(time.time()).and_utc())
            .zip(TimeDelta::try_minutes(minutes))
            .and_then(|(time, span)| time.checked_add_signed(span))
            .map(Moment::Instant),
    };
    moved.ok_or_else(too_far)
}

fn moved_day(day: NaiveDate, months: i64, days: i64) -> Option<NaiveDate> {
    let span = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    let day = match months {
        0.. => day.checked_add_months(span)?,
        _ => day.checked_sub_months(span)?,
    };
    let span = Days::new(days.unsigned_abs());
    match days {
        0.. => day.checked_add_days(span),
        _ => day.checked_sub_days(span),
    }
}

/// `start_of('month', tz)`: the first instant of the day, week (from Monday), month or year.
pub(super) fn start_of(text: &str, arguments: &Arguments<'_>) -> Result<Value, Fault> {
    let unit = arguments.text(0)?.unwrap_or_default();
    let zone = zone(arguments)?;
    match read(text)? {
        Moment::Day(day) => Moment::Day(first_day(day, unit)?).write(),
        Moment::Instant(time) => {
            let day = first_day(time.with_timezone(&zone).date_naive(), unit)?;
            Moment::Instant(local_to_utc(zone, day.and_time(NaiveTime::MIN))).write()
        }
    }
}

/// The first day of a unit.
pub(super) fn first_day(day: NaiveDate, unit: &str) -> Result<NaiveDate, Fault> {
    let first = match unit {
        "day" => Some(day),
        "week" => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))),
        "month" => day.with_day(1),
        "year" => day.with_ordinal(1),
        _ => {
            return Err(Fault::operand(format!(
                "`{}` is none of day, week, month and year",
                excerpt(unit)
            )));
        }
    };
    first.ok_or_else(too_far)
}

/// The zone that is the second argument; UTC when none is given.
fn zone(arguments: &Arguments<'_>) -> Result<Tz, Fault> {
    let name = arguments.text(1)?;
    name.map_or(Ok(Tz::UTC), zone_of)
}

/// The zone of a name.
pub(super) fn zone_of(name: &str) -> Result<Tz, Fault> {
    // Only a name can be long enough to make the search for a likely one slow.
    if name.len() > 64 {
        return Err(Fault::operand(format!(
            "unknown timezone `{}`",
            excerpt(name)
        )));
    }
    parse_zone(name).map_err(|error| Fault::operand(error.to_string()))
}

fn read(text: &str) -> Result<Moment, Fault> {
    let moment = if text.len() <= 64 { parse(text) } else { None };
    let moment = moment.filter(Moment::is_in_range);
    moment.ok_or_else(|| {
        Fault::operand(format!(
            "`{}` is no time: allowed are RFC 3339, `YYYY-MM-DD` and ingestion ids",
            excerpt(text)
        ))
    })
}

fn parse(text: &str) -> Option<Moment> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.len() {
            8 => NaiveDate::parse_from_str(text, "%Y%m%d")
                .ok()
                .map(Moment::Day),
            14 => NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S")
                .ok()
                .map(|time| Moment::Instant(time.and_utc())),
            _ => None,
        };
    }
    if text.len() == 10 {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .map(Moment::Day);
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Moment::Instant(time.with_timezone(&Utc)))
}

impl Moment {
    fn is_in_range(&self) -> bool {
        let day = match self {
            Self::Instant(time) => time.date_naive(),
            Self::Day(day) => *day,
        };
        // A day of margin on either side, so that every zone can show it.
        (1..=9999).contains(&day.year())
            && day.pred_opt().is_some_and(|day| day.year() >= 1)
            && day.succ_opt().is_some_and(|day| day.year() <= 9999)
    }

    fn write(self) -> Result<Value, Fault> {
        if !self.is_in_range() {
            return Err(too_far());
        }
        Ok(Value::String(match self {
            Self::Instant(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Day(day) => day.to_string(),
        }))
    }
}

fn too_far() -> Fault {
    Fault::operand("the time is outside of the years 1 to 9999")
}
