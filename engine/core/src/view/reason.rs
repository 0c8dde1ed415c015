//! A gate, as it is seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant;
use crate::explain::{Gate, Reason};
use crate::run::Instant;

/// Why something waits: the gate, who holds it, since when, what comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonView {
    /// A stable word for programs.
    pub gate: Gate,
    /// The task that it is about; none: the run.
    pub task: Option<String>,
    /// What holds it, and who.
    pub text: String,
    /// Since when.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub since: Option<Instant>,
    /// What happens next, or what to do.
    pub next: Option<String>,
    /// When.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub next_at: Option<Instant>,
}

impl From<&Reason> for ReasonView {
    fn from(reason: &Reason) -> Self {
        Self {
            gate: reason.gate,
            task: reason.task.clone(),
            text: reason.text.clone(),
            since: reason.since,
            next: reason.next.clone(),
            next_at: reason.next_at,
        }
    }
}
