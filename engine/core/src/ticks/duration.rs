//! Spans of time as people write them: `90s`, `1h30m`, `500ms`, `90d`.
//!
//! Guarantees: what is formatted parses to the same span, down to the
//! millisecond; nothing overflows in silence.
//!
//! Never: accepts a number without a unit, a fraction or a sign.

use std::time::Duration;

use thiserror::Error;

/// A unit's name and its milliseconds.
type Unit = (&'static str, u64);

/// From the largest to the smallest.
const UNITS: [Unit; 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DurationError {
    /// No text.
    #[error("a duration is empty: write a number and a unit, like 90s or 1h30m")]
    Empty,
    /// A minus sign.
    #[error("`{text}` is negative: a duration is not")]
    Negative {
        /// The whole text.
        text: String,
    },
    /// A number is missing where one should stand.
    #[error("`{text}` is not a duration: whole numbers with units, like 90s or 1h30m")]
    NotANumber {
        /// The whole text.
        text: String,
    },
    /// A number without a unit, or with an unknown one.
    #[error("`{text}`: `{unit}` is not a unit: allowed are ms, s, m, h, d and w")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// What stands in place of the unit.
        unit: String,
    },
    /// A unit that is not smaller than the one before it.
    #[error("`{text}`: units go from the largest to the smallest, each once")]
    UnitOrder {
        /// The whole text.
        text: String,
    },
    /// More than can be held.
    #[error("`{text}` is too long")]
    TooLong {
        /// The whole text.
        text: String,
    },
}

/// Reads a span: whole numbers with `w`, `d`, `h`, `m`, `s` or `ms`, larger
/// units first.
///
/// # Errors
/// The text is empty, negative, has no or unknown units, or is longer than
/// can be held. A span of zero is not an error here.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let owned = || text.to_owned();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative { text: owned() });
    }
    let (mut total, mut rest, mut units) = (Duration::ZERO, text, UNITS.as_slice());
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |byte| !byte.is_ascii_digit());
        if number.is_empty() {
            return Err(DurationError::NotANumber { text: owned() });
        }
        let (unit, after) = split_where(after, |byte| byte.is_ascii_digit());
        let (part, smaller) = parse_part(text, number, unit, units)?;
        let sum = total.checked_add(part);
        total = sum.ok_or_else(|| DurationError::TooLong { text: owned() })?;
        (rest, units) = (after, smaller);
    }
    Ok(total)
}

/// One number with its unit, and the units that may follow.
fn parse_part<'a>(
    text: &str,
    number: &str,
    unit: &str,
    units: &'a [Unit],
) -> Result<(Duration, &'a [Unit]), DurationError> {
    let text = || text.to_owned();
    let Some(place) = units.iter().position(|(name, _)| *name == unit) else {
        return Err(if UNITS.iter().any(|(name, _)| *name == unit) {
            DurationError::UnitOrder { text: text() }
        } else {
            let unit = unit.to_owned();
            DurationError::UnknownUnit { text: text(), unit }
        });
    };
    let milliseconds = units[place].1;
    let part = number
        .parse()
        .ok()
        .and_then(|number| span(number, milliseconds));
    let part = part.ok_or_else(|| DurationError::TooLong { text: text() })?;
    Ok((part, &units[place + 1..]))
}

/// Seconds and milliseconds are multiplied apart, so that all that a
/// `Duration` can hold can be written.
fn span(number: u64, milliseconds: u64) -> Option<Duration> {
    match milliseconds {
        1 => Some(Duration::from_millis(number)),
        _ => number
            .checked_mul(milliseconds / 1_000)
            .map(Duration::from_secs),
    }
}

fn split_where(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(ends).unwrap_or(text.len());
    text.split_at(end)
}

/// Writes a span in the largest units that fit, without weeks: `1h30m`,
/// `90d`, `500ms`. What is shorter than a millisecond is left out; a span of
/// nothing is `0s`.
#[must_use]
pub fn format_duration(span: Duration) -> String {
    let mut out = String::new();
    let mut seconds = span.as_secs();
    for (name, milliseconds) in &UNITS[1..5] {
        let unit = milliseconds / 1_000;
        push_part(&mut out, seconds / unit, name);
        seconds %= unit;
    }
    push_part(&mut out, u64::from(span.subsec_millis()), "ms");
    if out.is_empty() {
        out.push_str("0s");
    }
    out
}

fn push_part(out: &mut String, number: u64, unit: &str) {
    if number > 0 {
        out.push_str(&number.to_string());
        out.push_str(unit);
    }
}
