//! What is remembered of a call: its answer, or where to ask for the end of the work. No secret's value.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{AttemptKey, Entry, Outcome};

use crate::auth::Auth;
use noctule_executor::Span;

/// The handle of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpHandle(pub(crate) Kept);

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "form")]
pub(crate) enum Kept {
    /// The call was answered, and that was all.
    Answered {
        call: String,
        key: AttemptKey,
        outcome: Outcome,
    },
    /// The service works on.
    Followed(Box<Followed>),
}

/// Work whose end is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub(crate) key: AttemptKey,
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) headers: BTreeMap<String, Entry>,
    pub(crate) auth: Option<Auth>,
    pub(crate) audience: Option<String>,
    pub(crate) until: String,
    pub(crate) fail_if: Option<String>,
    pub(crate) interval: Option<Span>,
    /// The address is of another origin than the call: it gets no credentials.
    pub(crate) chosen: bool,
    pub(crate) private_targets: bool,
    pub(crate) accepted_at: DateTime<Utc>,
    /// The session that every answer must come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
}

impl HttpHandle {
    /// The handle as people know it.
    pub(crate) fn public(&self) -> Value {
        match &self.0 {
            Kept::Answered { call, outcome, .. } => {
                let status = outcome
                    .output()
                    .and_then(|output| output.get("status_code"));
                json!({ "call": call, "status_code": status })
            }
            Kept::Followed(followed) => json!({ "url": followed.url }),
        }
    }

    /// The origin that is asked.
    pub(crate) fn origin(&self) -> String {
        match &self.0 {
            Kept::Answered { .. } => String::new(),
            Kept::Followed(followed) => reqwest::Url::parse(&followed.url)
                .map(|url| crate::target::origin(&url))
                .unwrap_or_default(),
        }
    }
}
