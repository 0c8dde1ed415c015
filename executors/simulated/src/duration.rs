//! Durations as people write them ("2s", "1m30s"), for serde's `with`.
//!
//! What is not fully understood is refused; no text makes it panic.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Reads "1h30m", "2s", "250ms", "1.5s".
pub fn from_text(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = number.parse::<f64>().ok()? * unit_seconds(unit)?;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

/// Reads an optional duration.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = || {
        serde::de::Error::custom(format!(
            "{text:?} is not a duration such as \"2s\" or \"1m30s\""
        ))
    };
    from_text(&text).map(Some).ok_or_else(wrong)
}

/// Writes an optional duration.
pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(duration) if duration.subsec_nanos() == 0 => {
            to.serialize_str(&format!("{}s", duration.as_secs()))
        }
        Some(duration) => to.serialize_str(&format!("{}ms", duration.as_millis())),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_durations_with_units() {
        assert_eq!(from_text("2s"), Some(Duration::from_secs(2)));
        assert_eq!(from_text("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(from_text("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(from_text("1.5h"), Some(Duration::from_secs(5400)));
    }

    #[test]
    fn a_duration_without_a_known_unit_is_refused() {
        for text in [
            "",
            "2",
            "s",
            "2 s",
            "-1s",
            "2d",
            "1..5s",
            "9999999999999999999999h",
        ] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
