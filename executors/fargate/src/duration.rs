//! Durations as DAG files write them: `90s`, `5m`, `1h`, `250ms`.
//!
//! Guarantees: pure; a unit is always asked for.

use std::time::Duration;

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    match (number, millis) {
        (Some(number), Some(millis)) if number.checked_mul(millis).is_some() => {
            Ok(Duration::from_millis(number * millis))
        }
        _ => Err(format!(
            "`{text}` is not a duration: expected a number with `ms`, `s`, `m` or `h`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_asked_for() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5d",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
