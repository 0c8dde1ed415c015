//! Header names and values: typed, so that no parameter can smuggle in a line of its own.

use reqwest::header::{HeaderName, HeaderValue};

/// The header that carries the attempt key.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header that carries the session that a call is for, and that an answer comes from.
pub(crate) const SESSION: &str = "noctule-session";

/// The header that says which trace a call is a part of (W3C Trace Context), where runs are traced.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Headers that the transport writes itself, or that are ours.
const RESERVED: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    IDEMPOTENCY_KEY,
    SESSION,
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// A header name that a task may set.
pub(crate) fn name(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| format!("{text:?} is no header name"))?;
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("header `{name}` is set by the executor itself"));
    }
    Ok(name)
}

/// A header value. The message does not repeat it: it may be a secret.
pub(crate) fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text)
        .map_err(|_| "the value holds characters that cannot stand in a header".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_makes_a_line_of_its_own() {
        for text in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\u{7f}"] {
            assert!(value(text).is_err(), "{text:?}");
        }
        assert!(name("X-A\r\nX-B").is_err());
        assert!(name("X A").is_err());
        assert!(name("").is_err());
    }

    #[test]
    fn headers_of_the_transport_are_not_the_tasks() {
        assert!(name("Host").is_err());
        assert!(name("Idempotency-Key").is_err());
        assert!(name("X-Api-Key").is_ok());
    }
}
