//! A message as people and programs see it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::word::{Message, Recipient, Standing};

/// How a message stands with its receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryView {
    /// The id that every delivery of it carries.
    pub id: String,
    /// The receiver of the project, or where a callback goes: without its path, which may hold a key.
    pub to: String,
    /// gathering, waiting, sending, sent, given_up or kept.
    pub state: String,
    /// What it is about.
    pub occasion: String,
    /// The DAG of its first notice.
    pub dag: String,
    /// The run of its first notice.
    pub run: Option<String>,
    /// In one line, as the first notice says it.
    pub what: String,
    /// How many notices it tells.
    pub count: u64,
    /// How often it was sent.
    pub tries: u32,
    /// Why the last sending failed.
    pub error: Option<String>,
    /// When it was made.
    #[serde(serialize_with = "super::instant::write")]
    #[schemars(schema_with = "super::instant::schema")]
    pub created_at: DateTime<Utc>,
    /// When it goes out, or again.
    #[serde(serialize_with = "super::instant::write_optional")]
    #[schemars(schema_with = "super::instant::optional_schema")]
    pub next_try_at: Option<DateTime<Utc>>,
    /// When it was taken, or given up.
    #[serde(serialize_with = "super::instant::write_optional")]
    #[schemars(schema_with = "super::instant::optional_schema")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The message of the same cause that it reminds of.
    pub reminds_of: Option<String>,
}

impl DeliveryView {
    /// A message, seen from outside.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let (next_try_at, ended_at) = match message.standing {
            Standing::Gathering { until, .. } => (Some(until), None),
            Standing::Waiting { not_before } => (Some(not_before), None),
            Standing::Sending | Standing::Kept => (None, None),
            Standing::Sent { at } | Standing::GivenUp { at } => (None, Some(at)),
        };
        let first = &message.first;
        Self {
            id: message.id.to_string(),
            to: match &message.to {
                Recipient::Receiver { name } => name.clone(),
                Recipient::Callback { url } => format!("callback to {}", origin(url)),
            },
            state: message.standing.word().to_owned(),
            occasion: first.occasion.word().to_owned(),
            dag: first.dag.to_string(),
            run: first.run.as_ref().map(ToString::to_string),
            what: first.what.clone(),
            count: message.count,
            tries: message.tries,
            error: message.error.clone(),
            created_at: message.created_at,
            next_try_at,
            ended_at,
            reminds_of: message.follows.as_ref().map(ToString::to_string),
        }
    }
}

/// `https://host:port` of an address.
fn origin(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after..];
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &url[..after + host]
}
