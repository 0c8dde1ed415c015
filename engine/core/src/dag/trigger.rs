//! `[trigger.KIND]` as it was read: what makes runs of a DAG besides its schedule.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The events that make runs of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerTable {
    /// The kind of the source.
    pub kind: String,
    /// The connection that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// How long it is at most between two looks, whatever was hinted.
    #[serde(with = "crate::millis")]
    pub every: Duration,
    /// The source's own table, `vars` rendered.
    pub table: Map<String, Value>,
}
