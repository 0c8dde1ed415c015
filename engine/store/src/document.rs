//! The documents of the store that are not runs: versions, DAGs, dropped ticks.

use chrono::{DateTime, Utc};
use noctule_core::dag::Definition;
use noctule_core::name::{DagHash, DagId};
use noctule_core::run::Actor;
use noctule_core::scheduling::Dropped;
use serde::{Deserialize, Serialize};

/// One version of a DAG, as runs are pinned to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinnedVersion {
    /// The content hash of the definition.
    pub hash: DagHash,
    /// What was read.
    pub definition: Definition,
    /// The file it came from, relative to the project.
    pub source_file: String,
    /// The text of the file.
    pub source_text: String,
    /// The commit of the checkout, where there was one.
    pub git_commit: Option<String>,
    /// When it was first pinned.
    pub first_seen: DateTime<Utc>,
}

/// What is known of a DAG besides its definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DagRecord {
    /// Which.
    pub dag: DagId,
    /// The version that new runs take.
    pub version: Option<DagHash>,
    /// Its file, relative to the project.
    pub file: String,
    /// Why its file cannot be used now: the last good version stays.
    pub error: Option<String>,
    /// Its file is gone.
    pub withdrawn: bool,
    /// No ticks become runs.
    pub pause: Option<Pause>,
    /// What keeps the occasions of its trigger from becoming runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Changes when the schedule is edited.
    pub schedule_fingerprint: String,
    /// Up to which instant its ticks are decided.
    pub considered_until: Option<DateTime<Utc>>,
    /// Of these, the ticks whose runs the store refused: they are to be made still, or it is to be said why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unborn: Vec<Unborn>,
    /// When it was first seen.
    pub first_seen: DateTime<Utc>,
}

/// Why a DAG is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who paused it.
    pub by: Actor,
    /// Why, in their words.
    pub why: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A tick whose run the store refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unborn {
    /// The tick.
    pub tick: DateTime<Utc>,
    /// What the store said.
    pub why: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What keeps the occasions of a trigger from becoming runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it is.
    pub what: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Ticks that got no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedTicks {
    /// Of which DAG.
    pub dag: DagId,
    /// Which, how many, why.
    pub dropped: Dropped,
    /// When that was decided.
    pub at: DateTime<Utc>,
}
