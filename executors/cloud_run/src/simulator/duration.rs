//! Durations as people write them ("2s", "1m30s") and as the API writes them ("3600s").
//!
//! Both readers refuse what they do not fully understand; neither panics on any text.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Reads "1h30m", "2s", "250ms", "1.5s".
pub(crate) fn from_text(text: &str) -> Option<Duration> {
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

/// Reads a duration of proto3 JSON; the error is Google's sentence about it.
pub(crate) fn from_proto(text: &str) -> Result<Duration, &'static str> {
    let number = text
        .strip_suffix('s')
        .ok_or("Illegal duration format; duration must end with 's'")?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let nanos = format!("{fraction:0<9}");
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || nanos.len() > 9 {
        return Err("Invalid duration format, failed to parse seconds");
    }
    match (whole.parse(), nanos.parse()) {
        (Ok(seconds), Ok(nanos)) => Ok(Duration::new(seconds, nanos)),
        _ => Err("Duration value exceeds limits"),
    }
}

/// Writes a duration of proto3 JSON.
pub(crate) fn to_proto(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match nanos {
        0 => format!("{seconds}s"),
        n if n % 1_000_000 == 0 => format!("{seconds}.{:03}s", n / 1_000_000),
        n => format!("{seconds}.{n:09}s"),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = || {
        serde::de::Error::custom(format!(
            "{text:?} is not a duration such as \"2s\" or \"1m30s\""
        ))
    };
    from_text(&text).map(Some).ok_or_else(wrong)
}

#[expect(
    clippy::ref_option,
    reason = "serde calls it with a reference to the field"
)]
pub(crate) fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
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

    #[test]
    fn the_api_writes_seconds_with_an_s() {
        assert_eq!(from_proto("3600s"), Ok(Duration::from_secs(3600)));
        assert_eq!(from_proto("0.25s"), Ok(Duration::from_millis(250)));
        for text in [
            "60",
            "s",
            "1m",
            "-1s",
            ".5s",
            "1.s",
            "1.0000000001s",
            "99999999999999999999s",
        ] {
            assert!(from_proto(text).is_err(), "{text}");
        }
        assert_eq!(to_proto(Duration::from_millis(1250)), "1.250s");
        assert_eq!(to_proto(Duration::from_secs(60)), "60s");
    }
}
