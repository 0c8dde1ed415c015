//! Reads fields of Google's JSON as proto3 writes it: absent means zero, int64 comes as text, enums come as names or
//! as numbers.
//!
//! Guarantees: never fails. What cannot be read counts as absent, and absent is never taken for success.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A text that is not empty.
pub(crate) fn text(value: &Value, field: &str) -> Option<String> {
    let text = value.get(field)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A count: a number, a numeric text, or absent for zero.
pub(crate) fn count(value: &Value, field: &str) -> u64 {
    number(value.get(field))
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or_default()
}

/// A signed number, where there is one.
pub(crate) fn signed(value: &Value, field: &str) -> Option<i64> {
    number(value.get(field))
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An instant.
pub(crate) fn time(value: &Value, field: &str) -> Option<DateTime<Utc>> {
    let text = value.get(field)?.as_str()?;
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

/// The name of an enum's value; a number is looked up.
pub(crate) fn name(value: &Value, field: &str, names: &[(i64, &str)]) -> Option<String> {
    let written = value.get(field)?;
    let Some(wanted) = number(Some(written)) else {
        return text(value, field);
    };
    let known = names.iter().find(|(number, _)| *number == wanted);
    match (wanted, known) {
        (0, _) => None,
        (_, Some((_, name))) => Some((*name).to_owned()),
        (number, None) => Some(number.to_string()),
    }
}

/// The elements of a list; none when it is absent.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_in_three_ways() {
        let value = json!({ "a": 3, "b": "3", "c": null, "d": -1, "e": "x", "f": 1.5 });
        assert_eq!(
            ["a", "b", "c", "d", "e", "f", "g"].map(|f| count(&value, f)),
            [3, 3, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn enums_come_as_names_and_as_numbers() {
        let names = [(4, "CONDITION_SUCCEEDED")];
        let value =
            json!({ "a": "CONDITION_SUCCEEDED", "b": 4, "c": "4", "d": 0, "e": 99, "f": "" });
        let read = |field| name(&value, field, &names);
        for field in ["a", "b", "c"] {
            assert_eq!(read(field).as_deref(), Some("CONDITION_SUCCEEDED"));
        }
        assert_eq!(read("d"), None);
        assert_eq!(read("e").as_deref(), Some("99"));
        assert_eq!(read("f"), None);
        assert_eq!(read("g"), None);
    }
}
