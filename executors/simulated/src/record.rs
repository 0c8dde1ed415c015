//! One request as it arrived.

use std::time::Instant;

use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A request, recorded before anything was done about it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// The order of arrival, from 0.
    pub number: usize,
    /// When, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// When, by the steady clock, for measuring waits.
    pub arrived: Instant,
    /// `GET`, `POST`, ...
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl RecordedRequest {
    /// A request from its head and its body; its number is still to be given.
    pub fn new(parts: &Parts, body: &[u8], at: DateTime<Utc>) -> Self {
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        };
        RecordedRequest {
            number: 0,
            at,
            arrived: Instant::now(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.iter().map(header).collect(),
            body: body.to_vec(),
        }
    }

    /// The first header of this name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A variable of the first container override of a request that starts something.
    pub fn override_env(&self, name: &str) -> Option<String> {
        let body = self.json();
        let container = body.pointer("/overrides/containerOverrides/0")?;
        let env = container.get("env").or(container.get("environment"))?;
        let env = env.as_array()?;
        let one = env.iter().find(|one| one["name"] == name)?;
        one["value"].as_str().map(str::to_owned)
    }
}
