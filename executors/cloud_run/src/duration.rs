//! Durations as people write them: `500ms`, `30s`, `1h`, `1h30m`.
//!
//! Guarantees: a number without a unit is refused, since nobody can tell what it counts. Never rounds.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads a duration; the error says what was expected.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("`{text}` is not a duration: expected a number with a unit, such as `30s`");
    let mut rest = text.trim();
    let mut millis = 0_u64;
    if rest.is_empty() {
        return Err(refused());
    }
    while !rest.is_empty() {
        let (part, after) = part(rest).ok_or_else(refused)?;
        millis = millis.checked_add(part).ok_or_else(refused)?;
        rest = after;
    }
    Ok(Duration::from_millis(millis))
}

/// One number with its unit, in milliseconds, and what follows it.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    Some((millis, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units_and_sums() {
        for (text, millis) in [
            ("500ms", 500),
            ("3600s", 3_600_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for text in [
            "",
            "60",
            "1 h",
            "1.5h",
            "-1s",
            "s",
            "1w",
            "99999999999999999999s",
            "1hour",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
