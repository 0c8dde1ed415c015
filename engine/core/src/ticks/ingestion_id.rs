//! The ingestion id: the base date-time under which a run's work is kept.
//!
//! Guarantees: 8 or 14 digits that are a real date and time in UTC; ids sort
//! as text in time order, and `Ord` is that order.
//!
//! Never: holds any other text, also not when read back from storage.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::walk::{FIRST_INSTANT, LAST_INSTANT};

/// `YYYYMMDDHHMMSS` or `YYYYMMDD`, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IngestionId {
    // The text comes first, because the derived order looks at it first.
    text: String,
    instant: DateTime<Utc>,
}

/// Why there is no such ingestion id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IngestionIdError {
    /// Not 8 or 14 digits.
    #[error(
        "`{text}` is not an ingestion id: allowed are 8 digits (YYYYMMDD) or 14 (YYYYMMDDHHMMSS)"
    )]
    NotDigits {
        /// What was given.
        text: String,
    },
    /// Digits that are no date, or no time of day.
    #[error("`{text}` is not an ingestion id: there is no such date and time")]
    NoSuchDate {
        /// What was given.
        text: String,
    },
    /// A year that four digits cannot say.
    #[error("{at} has no ingestion id: its year is not within 0001-9999")]
    OutOfRange {
        /// The nominal time.
        at: DateTime<Utc>,
    },
    /// No instant of the rule in all the time that is searched.
    #[error("{at} has no ingestion id: no earlier instant matches the [ingestion] table")]
    NoInstant {
        /// The nominal time.
        at: DateTime<Utc>,
    },
}

impl IngestionId {
    /// An id that somebody gives by hand; it is used as it is.
    ///
    /// # Errors
    /// It is not 8 or 14 ASCII digits, or they are not a real date and time.
    pub fn given(text: &str) -> Result<Self, IngestionIdError> {
        if !matches!(text.len(), 8 | 14) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IngestionIdError::NotDigits {
                text: text.to_owned(),
            });
        }
        let instant = instant_of(text).filter(|instant| in_range(*instant));
        let instant = instant.ok_or_else(|| IngestionIdError::NoSuchDate {
            text: text.to_owned(),
        })?;
        let text = text.to_owned();
        Ok(Self { text, instant })
    }

    /// The id that names this instant to the second.
    ///
    /// # Errors
    /// The year is not within 0001-9999.
    pub fn to_the_second(at: DateTime<Utc>) -> Result<Self, IngestionIdError> {
        Self::formatted(at, "%Y%m%d%H%M%S")
    }

    /// The id that names the date of this instant.
    ///
    /// # Errors
    /// The year is not within 0001-9999.
    pub fn to_the_day(at: DateTime<Utc>) -> Result<Self, IngestionIdError> {
        Self::formatted(at, "%Y%m%d")
    }

    fn formatted(at: DateTime<Utc>, format: &str) -> Result<Self, IngestionIdError> {
        if !in_range(at) {
            return Err(IngestionIdError::OutOfRange { at });
        }
        Self::given(&at.format(format).to_string())
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant that the id names; of 8 digits, the start of that day in
    /// UTC.
    #[must_use]
    pub fn instant(&self) -> DateTime<Utc> {
        self.instant
    }
}

fn in_range(at: DateTime<Utc>) -> bool {
    (FIRST_INSTANT..=LAST_INSTANT).contains(&at.timestamp())
}

/// The digits are read by place: no format of chrono is as strict.
fn instant_of(digits: &str) -> Option<DateTime<Utc>> {
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?;
    let time = match digits.len() {
        8 => NaiveTime::MIN,
        _ => NaiveTime::from_hms_opt(number(8, 10)?, number(10, 12)?, number(12, 14)?)?,
    };
    Some(NaiveDateTime::new(date, time).and_utc())
}

impl fmt::Display for IngestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for IngestionId {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl FromStr for IngestionId {
    type Err = IngestionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::given(text)
    }
}

impl TryFrom<String> for IngestionId {
    type Error = IngestionIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::given(&text)
    }
}

impl From<IngestionId> for String {
    fn from(id: IngestionId) -> Self {
        id.text
    }
}
