//! Durations as the API writes them ("3600s").
//!
//! The reader refuses what it does not fully understand; it panics on no text.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
