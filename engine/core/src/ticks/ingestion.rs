//! The rule that gives a run its ingestion id.
//!
//! Guarantees: the id of a nominal time depends on nothing but that time, the
//! rule and the schedule; a late start or a rerun changes nothing.
//!
//! Never: falls back to a default hour. A rule without hours is an error,
//! since a wrong date in silence is worse.

use std::fmt;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use super::cron::parse_weekdays;
use super::cron_error::CronError;
use super::ingestion_id::{IngestionId, IngestionIdError};
use super::schedule::Schedule;
use super::zone::{UnknownZone, parse_zone};

/// How many days the search goes back. A weekday is missing for two weeks
/// where a zone leaves out a date; more than that is room to spare.
const DAYS_BACK: u64 = 35;

/// How many digits an id has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Digits {
    /// `YYYYMMDD`.
    Eight,
    /// `YYYYMMDDHHMMSS`.
    #[default]
    Fourteen,
}

impl TryFrom<i64> for Digits {
    type Error = IngestionRuleError;

    fn try_from(digits: i64) -> Result<Self, Self::Error> {
        match digits {
            8 => Ok(Self::Eight),
            14 => Ok(Self::Fourteen),
            digits => Err(IngestionRuleError::Digits { digits }),
        }
    }
}

/// Why an `[ingestion]` table is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IngestionRuleError {
    /// No hour at all.
    #[error("transform_schedule is empty: at least one hour is needed, like \"14\"")]
    NoTimes,
    /// Not written as an hour or a time of day.
    #[error(
        "transform_schedule: `{text}` is not HH or HH:MM: allowed are \"00\" to \"23\" and \"00:00\" to \"23:59\""
    )]
    NotATime {
        /// The place in the list, from 0.
        index: usize,
        /// What stands there.
        text: String,
    },
    /// Written as a time of day, but there is no such one.
    #[error(
        "transform_schedule: there is no time of day `{text}`: allowed are \"00\" to \"23\" and \"00:00\" to \"23:59\""
    )]
    NoSuchTime {
        /// The place in the list, from 0.
        index: usize,
        /// What stands there.
        text: String,
    },
    /// The weekdays break the grammar.
    #[error("day_of_week: {0}")]
    Weekdays(#[from] CronError),
    /// The zone does not exist.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// Neither 8 nor 14 digits.
    #[error("digits = {digits}: allowed are 8 and 14")]
    Digits {
        /// What was given.
        digits: i64,
    },
}

/// The `[ingestion]` table of a DAG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestionRule {
    /// In UTC, ascending, each once.
    times: Vec<NaiveTime>,
    /// As bits, Sunday first.
    weekdays: u64,
    zone: Tz,
    digits: Digits,
    allow_lag: bool,
}

impl IngestionRule {
    /// Reads the values as they stand in the table; lag is not allowed.
    ///
    /// # Errors
    /// One of the values breaks its grammar.
    pub fn parse(
        transform_schedule: &[impl AsRef<str>],
        day_of_week: &str,
        timezone: &str,
        digits: i64,
    ) -> Result<Self, IngestionRuleError> {
        let times = transform_schedule.iter().enumerate();
        let mut times = times
            .map(|(index, text)| parse_time(index, text.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        times.dedup();
        if times.is_empty() {
            return Err(IngestionRuleError::NoTimes);
        }
        Ok(Self {
            times,
            weekdays: parse_weekdays(day_of_week)?,
            zone: parse_zone(timezone)?,
            digits: digits.try_into()?,
            allow_lag: false,
        })
    }

    /// The same rule, with or without remarks on lag.
    #[must_use]
    pub fn with_allow_lag(mut self, allow_lag: bool) -> Self {
        self.allow_lag = allow_lag;
        self
    }

    /// The times of day in UTC, ascending.
    #[must_use]
    pub fn times(&self) -> &[NaiveTime] {
        &self.times
    }

    /// The zone in which weekdays are judged.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// How many digits its ids have.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The id of a run whose nominal time is `t`.
    ///
    /// # Errors
    /// The year of the id would not be within 0001-9999.
    pub fn id_at(&self, t: DateTime<Utc>) -> Result<IngestionId, IngestionIdError> {
        let instant = self.latest_instant(t);
        self.written(instant.ok_or(IngestionIdError::NoInstant { at: t })?)
    }

    /// The id of a tick, where it is not that tick itself and `allow_lag` does
    /// not say that this is meant.
    #[must_use]
    pub fn lag(&self, tick: DateTime<Utc>) -> Option<Lag> {
        if self.allow_lag {
            return None;
        }
        let id = self.id_at(tick).ok()?;
        let own = self.written(tick).ok()?;
        (id != own).then_some(Lag { tick, id })
    }

    fn written(&self, instant: DateTime<Utc>) -> Result<IngestionId, IngestionIdError> {
        match self.digits {
            Digits::Eight => IngestionId::to_the_day(instant),
            Digits::Fourteen => IngestionId::to_the_second(instant),
        }
    }

    fn latest_instant(&self, t: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let today = t.date_naive();
        (0..DAYS_BACK)
            .filter_map(|days| today.checked_sub_days(Days::new(days)))
            .find_map(|date| self.latest_of_day(date, t))
    }

    fn latest_of_day(&self, date: NaiveDate, t: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let instants = self.times.iter().map(|time| date.and_time(*time).and_utc());
        instants
            .rev()
            .find(|instant| *instant <= t && self.has_weekday(*instant))
    }

    fn has_weekday(&self, instant: DateTime<Utc>) -> bool {
        let local = instant.with_timezone(&self.zone);
        self.weekdays >> local.weekday().num_days_from_sunday() & 1 == 1
    }
}

/// Exactly two digits, or two, a colon and two.
fn parse_time(index: usize, text: &str) -> Result<NaiveTime, IngestionRuleError> {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let (hour, minute) = match text.as_bytes() {
        [a, b] if [a, b].into_iter().all(digit) => (text, "00"),
        [a, b, b':', c, d] if [a, b, c, d].into_iter().all(digit) => (&text[..2], &text[3..]),
        _ => {
            let text = text.to_owned();
            return Err(IngestionRuleError::NotATime { index, text });
        }
    };
    let time = match (hour.parse(), minute.parse()) {
        (Ok(hour), Ok(minute)) => NaiveTime::from_hms_opt(hour, minute, 0),
        _ => None,
    };
    time.ok_or_else(|| IngestionRuleError::NoSuchTime {
        index,
        text: text.to_owned(),
    })
}

/// A tick whose ingestion id names another instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The tick.
    pub tick: DateTime<Utc>,
    /// Its id.
    pub id: IngestionId,
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tick, id) = (self.tick.format("%Y-%m-%dT%H:%M:%SZ"), &self.id);
        write!(
            f,
            "the ingestion id of the tick {tick} is {id}, not the tick itself (cron is local, transform_schedule is UTC)"
        )
    }
}

/// The id of a run of nominal time `t`, also of a DAG without `[ingestion]`:
/// the latest of the schedule's ticks that is not after `t`, or else `t` to
/// the second.
///
/// # Errors
/// The year of the id would not be within 0001-9999.
pub fn ingestion_id_at(
    rule: Option<&IngestionRule>,
    schedule: Option<&Schedule>,
    t: DateTime<Utc>,
) -> Result<IngestionId, IngestionIdError> {
    if let Some(rule) = rule {
        return rule.id_at(t);
    }
    let tick = schedule.and_then(|schedule| schedule.latest_at_or_before(t));
    IngestionId::to_the_second(tick.unwrap_or(t))
}
