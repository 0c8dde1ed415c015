//! An answer that is not 2xx: Google's error body, or whatever a front end said instead.
//!
//! Guarantees: parses defensively (front ends answer HTML); what it quotes is short. Never judges.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::lenient;

/// Longer texts of a server are cut.
const MOST_QUOTED: usize = 500;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Google's word for it (`NOT_FOUND`); none when the answer was no Google error.
    pub(crate) reason: Option<String>,
    message: String,
    /// How long we are asked to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads an answer.
    pub(crate) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = parsed.get("error").unwrap_or(&Value::Null);
        let message = lenient::text(error, "message")
            .map_or_else(|| "no Google error in the answer".to_owned(), |m| cut(&m));
        Self {
            status: status.as_u16(),
            reason: lenient::text(error, "status"),
            message,
            retry_after: header_wait(headers, now).or_else(|| detail_wait(error)),
        }
    }

    /// Google itself said that there is no such thing: a front end's 404 is none.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == 404 && self.reason.as_deref() == Some("NOT_FOUND")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(reason) = &self.reason {
            write!(f, " {reason}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A text of somebody else, short enough to be quoted.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3).
fn header_wait(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    let wait = at.with_timezone(&Utc) - now;
    Some(wait.to_std().unwrap_or_default())
}

/// `google.rpc.RetryInfo` among the details: a duration such as `"1.5s"`.
fn detail_wait(error: &Value) -> Option<Duration> {
    let info = lenient::list(error, "details").iter().find(|detail| {
        lenient::text(detail, "@type").is_some_and(|kind| kind.ends_with("google.rpc.RetryInfo"))
    })?;
    let delay = lenient::text(info, "retryDelay")?;
    let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, header: Option<&str>, body: &[u8]) -> Refusal {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(RETRY_AFTER, header.parse().unwrap());
        }
        let now = DateTime::parse_from_rfc3339("2026-01-13T12:00:00Z").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::read(status, &headers, body, now.with_timezone(&Utc))
    }

    #[test]
    fn waits_are_told_in_three_ways() {
        let wait = |header, body: &[u8]| read(429, header, body).retry_after;
        assert_eq!(wait(Some("7"), b""), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(Some("Tue, 13 Jan 2026 12:00:30 GMT"), b""),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            wait(Some("Tue, 13 Jan 2026 11:00:00 GMT"), b""),
            Some(Duration::ZERO)
        );
        assert_eq!(wait(Some("soon"), b""), None);
        let body = json!({ "error": { "details": [
            { "@type": "type.googleapis.com/google.rpc.ErrorInfo" },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s" },
        ] } });
        assert_eq!(
            wait(None, body.to_string().as_bytes()),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(wait(None, b""), None);
    }

    #[test]
    fn a_front_end_is_not_google() {
        let html = read(404, None, b"<html>404</html>");
        assert!(!html.is_not_found());
        assert_eq!(html.to_string(), "HTTP 404: no Google error in the answer");
        let google = read(
            404,
            None,
            br#"{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}"#,
        );
        assert!(google.is_not_found());
        assert_eq!(google.to_string(), "HTTP 404 NOT_FOUND: gone");
    }

    #[test]
    fn long_messages_are_cut() {
        let body = json!({ "error": { "message": "ü".repeat(2_000) } }).to_string();
        assert!(read(400, None, body.as_bytes()).to_string().chars().count() < 600);
    }
}
