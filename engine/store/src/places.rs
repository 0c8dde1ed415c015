//! Where work was started, and which attempt a key belongs to: what a sweep of remote work asks the store.
//!
//! Guarantees: a key is looked for in every run, the recent and the live ones first, so that "no such attempt" is true.

use chrono::{DateTime, Utc};
use noctule_core::dag::TaskIx;
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::TaskRunIx;
use serde_json::Value;

use crate::error::StoreError;
use crate::store::{Store, either};

/// Where attempts of one task were sent.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptPlace {
    /// The DAG.
    pub dag: DagId,
    /// The version in which the task stands.
    pub version: DagHash,
    /// The task; [`TaskIx::NONE`] of one that the version has no longer.
    pub task: TaskIx,
    /// The executor of one that the version has no longer.
    pub gone: Option<String>,
    /// The connection they went through.
    pub connection: Option<String>,
    /// The rendered `with` table without `env` and `args`.
    pub config: Value,
}

/// The attempt of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptOfKey {
    /// The key.
    pub key: String,
    /// The run.
    pub run: RunId,
    /// The task run.
    pub task: TaskRunIx,
    /// The number of the attempt.
    pub number: u32,
}

impl Store {
    /// The different places of remote work of runs that are live or were created since an instant, at most `limit`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn attempt_places(
        &self,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<AttemptPlace>, StoreError> {
        either!(self, backend => Box::pin(backend.attempt_places(since, limit)).await)
    }

    /// The attempts of these keys. Those of runs that are live or were created since an instant are found quickly.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn attempts_of_keys(
        &self,
        keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<AttemptOfKey>, StoreError> {
        either!(self, backend => Box::pin(backend.attempts_of_keys(keys, since)).await)
    }
}
