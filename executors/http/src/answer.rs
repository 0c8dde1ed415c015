//! An answer, as it is kept and as expressions see it: bounded, and without what proves an identity.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER, SET_COOKIE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::cause;

/// The most bytes of a body that are read.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;
/// A secret shorter than this may stand in any text by chance, and is not looked for.
const SHORT: usize = 6;

/// `{status_code, headers, body}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status_code: u16,
    /// Names in lower case; several values of one name are joined by commas. `set-cookie` is left out.
    pub(crate) headers: BTreeMap<String, String>,
    /// JSON if it is, else text; none if there is no body.
    pub(crate) body: Value,
}

impl Answer {
    /// The output of the task, and the scope of expressions.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// An answer as it came in.
pub(crate) struct Received {
    pub(crate) answer: Answer,
    pub(crate) retry_after: Option<Duration>,
    /// Why the body is not whole.
    pub(crate) cut: Option<String>,
    /// Why a redirect was not followed.
    pub(crate) note: Option<String>,
}

impl Received {
    /// Reads an answer to its end, or to a limit. What was sent as a secret is blotted out where it comes back.
    pub(crate) async fn read(mut response: Response, hidden: &[SecretString]) -> Self {
        let status_code = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let headers = shown(response.headers(), hidden);
        let mut bytes = Vec::new();
        let cut = loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_BODY => {
                    break Some(format!("the body is larger than {} MiB", MAX_BODY >> 20));
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break None,
                Err(error) => break Some(format!("the answer broke off: {}", cause(&error))),
            }
        };
        let text = blot(String::from_utf8_lossy(&bytes).into_owned(), hidden);
        let body = body(text, headers.get("content-type"));
        Self {
            answer: Answer {
                status_code,
                headers,
                body,
            },
            retry_after,
            cut,
            note: None,
        }
    }
}

fn shown(headers: &HeaderMap, hidden: &[SecretString]) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::<String, String>::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
        let text = blot(
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
            hidden,
        );
        shown
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&text);
            })
            .or_insert(text);
    }
    shown
}

fn blot(mut text: String, hidden: &[SecretString]) -> String {
    for secret in hidden.iter().map(|secret| secret.expose_secret()) {
        if secret.len() >= SHORT && text.contains(secret) {
            text = text.replace(secret, "***");
        }
    }
    text
}

/// A body that calls itself JSON, or looks like a JSON table or list, is read; whatever cannot be read stays text.
fn body(text: String, content_type: Option<&String>) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let is_json = content_type.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
    });
    let looks_so = text.trim_start().starts_with(['{', '[']);
    if is_json || looks_so {
        return serde_json::from_str(&text).unwrap_or(Value::String(text));
    }
    Value::String(text)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = DateTime::parse_from_rfc2822(text).ok()?;
    Some((moment.to_utc() - Utc::now()).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_json_when_it_says_so_or_looks_so() {
        let json_type = "application/problem+json; charset=utf-8".to_owned();
        assert_eq!(body("7".to_owned(), Some(&json_type)), json!(7));
        assert_eq!(body("7".to_owned(), None), json!("7"));
        assert_eq!(body("{\"a\":1}".to_owned(), None), json!({ "a": 1 }));
        assert_eq!(body("<html>".to_owned(), Some(&json_type)), json!("<html>"));
        assert_eq!(body(String::new(), Some(&json_type)), Value::Null);
        let deep = "[".repeat(100_000);
        assert_eq!(body(deep.clone(), None), json!(deep));
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        let told = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(told("7"), Some(Duration::from_secs(7)));
        assert_eq!(told("Fri, 01 Jan 2021 00:00:00 GMT"), Some(Duration::ZERO));
        assert!(told("Fri, 01 Jan 2100 00:00:00 GMT") > Some(Duration::from_secs(1)));
        assert_eq!(told("soon"), None);
    }
}
