//! Runs as they are read, each read of one moment.

use chrono::{DateTime, Utc};
use noctule_core::access::Scope;
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Phase, Previous, Record, Run, RunFacts, TaskRun, TaskRunIx};
use serde::Deserialize;

use crate::error::StoreError;
use crate::rows::document;
use crate::store::{Store, either};

const DEFAULT_LIMIT: u32 = 100;

/// A run without its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// What was fixed when it was created.
    pub facts: RunFacts,
    /// Its round.
    pub round: u32,
    /// How it stands.
    pub phase: Phase,
    /// The backfill that its round is for.
    pub backfill: Option<BackfillId>,
    /// Where its outer task runs stand, if a retry took another definition: see [`Run::line`].
    pub line: Vec<TaskRunIx>,
}

/// Which runs to find; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this DAG.
    pub dag: Option<DagId>,
    /// Of DAGs in this scope; none: of any.
    pub among: Option<Scope>,
    /// In this state, by the word of the contract.
    pub state: Option<String>,
    /// Created at or after.
    pub since: Option<DateTime<Utc>>,
    /// With this ingestion id.
    pub ingestion_id: Option<String>,
    /// Created before this run: the next page.
    pub before: Option<RunId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl RunFilter {
    pub(crate) fn most(&self) -> u32 {
        match self.limit {
            0 => DEFAULT_LIMIT,
            limit => limit,
        }
    }
}

#[derive(Deserialize)]
struct Progress {
    round: u32,
    phase: Phase,
    #[serde(default)]
    backfill: Option<BackfillId>,
    #[serde(default)]
    line: Vec<TaskRunIx>,
}

impl RunSummary {
    /// A run of its two stored documents.
    pub(crate) fn of(facts: &str, progress: &str) -> Result<Self, StoreError> {
        let Progress {
            round,
            phase,
            backfill,
            line,
        } = document(progress, "run")?;
        Ok(Self {
            facts: document(facts, "run")?,
            round,
            phase,
            backfill,
            line,
        })
    }
}

impl RunSummary {
    /// A run of which only the head is known.
    pub(crate) fn without_tasks(self) -> Run {
        self.with_tasks(Vec::new())
    }

    /// The whole run.
    pub(crate) fn with_tasks(self, tasks: Vec<TaskRun>) -> Run {
        Run {
            facts: self.facts,
            round: self.round,
            phase: self.phase,
            backfill: self.backfill,
            line: self.line,
            tasks,
        }
    }
}

impl Store {
    /// Every run that is not over, with its tasks, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn live_runs(&self) -> Result<Vec<Run>, StoreError> {
        either!(self, backend => Box::pin(backend.live_runs()).await)
    }

    /// One run, with its tasks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        either!(self, backend => Box::pin(backend.run(id)).await)
    }

    /// One run, without its tasks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn summary(&self, id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        either!(self, backend => Box::pin(backend.summary(id)).await)
    }

    /// Runs that fit a filter, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find_runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        either!(self, backend => Box::pin(backend.find_runs(filter)).await)
    }

    /// The run that an idempotency key made.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn run_by_key(&self, dag: &DagId, key: &str) -> Result<Option<RunId>, StoreError> {
        either!(self, backend => Box::pin(backend.run_by_key(dag, key)).await)
    }

    /// The logical times of the latest run, and of the latest that succeeded, before an instant.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn previous_times(
        &self,
        dag: &DagId,
        before: DateTime<Utc>,
    ) -> Result<Previous, StoreError> {
        either!(self, backend => Box::pin(backend.previous_times(dag, before)).await)
    }

    /// The journal of a run after a record, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn records(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        either!(self, backend => Box::pin(backend.records(run, after, limit)).await)
    }
}
