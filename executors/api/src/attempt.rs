//! One try of one task run, as an executor sees it: its key, the facts of its run, its rendered configuration.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Passing;

/// The engine's name of one attempt: `n1-<store id, 8 hex>-<40 hex>`, at most 64 ASCII characters.
///
/// The same over every restart and resend, different for each try. It is what makes remote work findable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptKey(String);

impl AttemptKey {
    /// Takes the text of a key as it is; keys are made by the engine and read back from remote records.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key as the remote side sees it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The facts of the run that an attempt belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Run id.
    pub id: String,
    /// DAG id.
    pub dag: String,
    /// Ingestion id (BSDA), 8 or 14 digits, UTC.
    pub ingestion_id: String,
    /// The nominal time of the run: its tick, or the moment of triggering.
    pub logical_time: DateTime<Utc>,
}

/// One attempt with its configuration rendered.
///
/// `C` is the executor's own `Config`; the engine carries it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt<C> {
    /// The attempt key.
    pub key: AttemptKey,
    /// The run it belongs to.
    pub run: RunFacts,
    /// The task's name (`group.task` inside a group).
    pub task: String,
    /// The map key, for an item of a mapped task.
    pub map_key: Option<String>,
    /// 1 for the first try.
    pub number: u32,
    /// How often the request has been handed to `launch`, this time included: above 1 the work may exist already.
    pub sends: u32,
    /// When the intent was first committed: nothing of this key can be older.
    pub intended_at: DateTime<Utc>,
    /// Others will use the work while it runs: it is to say [`Status::Ready`](crate::Status::Ready), and is torn down later.
    pub hold: bool,
    /// What is known of the try before this one, if that failed: its output.
    pub failed_before: Option<serde_json::Value>,
    /// How secrets may reach a backend that shows what it is given. Known when the request is made, and empty later: what the
    /// request passes on stands in the request.
    #[serde(default)]
    pub passing: Passing,
    /// What the work is told of the trace that it is a part of (W3C Trace Context), where runs are traced. Known when the
    /// request is made, and empty later: the work is told what stands in the request, so a request that is sent again is
    /// the same whether runs are still traced or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The `with` table, rendered.
    pub config: C,
}

impl<C> Attempt<C> {
    /// The same attempt under another configuration type.
    pub fn with_config<D>(&self, config: D) -> Attempt<D> {
        Attempt {
            key: self.key.clone(),
            run: self.run.clone(),
            task: self.task.clone(),
            map_key: self.map_key.clone(),
            number: self.number,
            sends: self.sends,
            intended_at: self.intended_at,
            hold: self.hold,
            failed_before: self.failed_before.clone(),
            passing: self.passing.clone(),
            traceparent: self.traceparent.clone(),
            config,
        }
    }
}
