//! Points in time as people type them on the command line.
//!
//! Guarantees: what was understood is one instant within the years 0001-9999;
//! a local time in a gap or a fold is resolved like a fixed tick, to the end
//! of the gap and to the first of the two.
//!
//! Never: reads the clock or a machine's time zone; both are parameters.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use super::duration::{DurationError, parse_duration};
use super::ingestion_id::{IngestionId, IngestionIdError};
use super::walk::{FIRST_INSTANT, LAST_INSTANT};
use super::zone::local_to_utc;

/// Why a text is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MomentError {
    /// None of the notations.
    #[error(
        "`{text}` is not a time: allowed are 2026-01-13T23:00:00Z, 2026-01-13, \"2026-01-13 23:00\", now, -2h, or an ingestion id"
    )]
    NotUnderstood {
        /// What was given.
        text: String,
    },
    /// One of the notations, but no such date or time of day.
    #[error("there is no such date and time as `{text}`")]
    NoSuchTime {
        /// What was given.
        text: String,
    },
    /// A span before now that is not one.
    #[error("`{text}` is not a time before now: {reason}")]
    Span {
        /// What was given.
        text: String,
        /// What is wrong with the span.
        reason: DurationError,
    },
    /// All digits, but not an ingestion id.
    #[error(transparent)]
    Id(#[from] IngestionIdError),
    /// A year that four digits cannot say.
    #[error("`{text}` is not within the years 0001-9999")]
    OutOfRange {
        /// What was given.
        text: String,
    },
}

/// Reads RFC 3339, `2026-01-13` or `2026-01-13 23:00` (with or without
/// seconds, on the wall clock of `zone`), `now`, `-2h` (before `now`), or an
/// ingestion id.
///
/// # Errors
/// The text is none of these, or names no instant.
pub fn parse_moment(
    text: &str,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, MomentError> {
    let moment = read(text, zone, now)?;
    if (FIRST_INSTANT..=LAST_INSTANT).contains(&moment.timestamp()) {
        return Ok(moment);
    }
    let text = text.to_owned();
    Err(MomentError::OutOfRange { text })
}

fn read(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, MomentError> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(span) = text.strip_prefix('-') {
        return before(text, span, now);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(IngestionId::given(text)?.instant());
    }
    match shape(text).as_str() {
        "0000-00-00" | "0000-00-00 00:00" | "0000-00-00 00:00:00" => local(text, zone),
        shape if shape.starts_with("0000-00-00 00:00:00") => rfc3339(text),
        _ => Err(MomentError::NotUnderstood {
            text: text.to_owned(),
        }),
    }
}

/// Every digit as 0 and the separators of date and time as a blank: chrono
/// alone would also take `26-1-3`.
fn shape(text: &str) -> String {
    let place = |(index, letter): (usize, char)| match letter {
        letter if letter.is_ascii_digit() => '0',
        'T' | 't' if index == 10 => ' ',
        letter => letter,
    };
    text.char_indices().map(place).collect()
}

fn before(text: &str, span: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, MomentError> {
    let span = parse_duration(span).map_err(|reason| MomentError::Span {
        text: text.to_owned(),
        reason,
    })?;
    let span = TimeDelta::from_std(span).ok();
    let moment = span.and_then(|span| now.checked_sub_signed(span));
    moment.ok_or_else(|| MomentError::OutOfRange {
        text: text.to_owned(),
    })
}

fn local(text: &str, zone: Tz) -> Result<DateTime<Utc>, MomentError> {
    let date = text
        .get(..10)
        .and_then(|date| date.parse::<NaiveDate>().ok());
    let time = match text.get(11..) {
        None => Some(NaiveTime::MIN),
        Some(time) => time.parse::<NaiveTime>().ok(),
    };
    match (date, time) {
        (Some(date), Some(time)) if time.nanosecond() == 0 => {
            Ok(local_to_utc(zone, NaiveDateTime::new(date, time)))
        }
        _ => Err(MomentError::NoSuchTime {
            text: text.to_owned(),
        }),
    }
}

fn rfc3339(text: &str) -> Result<DateTime<Utc>, MomentError> {
    // chrono holds a leap second as more than a second's nanoseconds; no tick
    // and no id can be at one.
    let is_leap = |moment: &DateTime<_>| moment.nanosecond() >= 1_000_000_000;
    match DateTime::parse_from_rfc3339(text) {
        Ok(moment) if !is_leap(&moment) => Ok(moment.to_utc()),
        Ok(_) => Err(MomentError::NoSuchTime {
            text: text.to_owned(),
        }),
        Err(error) if error.kind() == chrono::format::ParseErrorKind::OutOfRange => {
            Err(MomentError::NoSuchTime {
                text: text.to_owned(),
            })
        }
        Err(_) => Err(MomentError::NotUnderstood {
            text: text.to_owned(),
        }),
    }
}
