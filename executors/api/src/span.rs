//! Lengths of time as `with` tables write them: `250ms`, `5s`, `2m`, `1h`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let millis_each = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(format!("`{text}` is no length of time such as `5s`")),
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(millis_each))
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| format!("`{text}` is no length of time such as `5s`"))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_every_unit() {
        let read = |text: &str| Span::try_from(text.to_owned()).unwrap().0;
        assert_eq!(read("250ms"), Duration::from_millis(250));
        assert_eq!(read("5s"), Duration::from_secs(5));
        assert_eq!(read("2m"), Duration::from_mins(2));
        assert_eq!(read("1h"), Duration::from_hours(1));
        assert!(Span::try_from("5".to_owned()).is_err());
        assert!(Span::try_from("99999999999999999999h".to_owned()).is_err());
    }
}
