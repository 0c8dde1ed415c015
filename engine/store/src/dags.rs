//! DAGs as they are read: their versions, what is known of them besides, and their ticks that got no run.

use noctule_core::name::{DagHash, DagId};

use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::store::{Store, either};

impl Store {
    /// One version of a DAG.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn version(&self, hash: &DagHash) -> Result<Option<PinnedVersion>, StoreError> {
        either!(self, backend => Box::pin(backend.version(hash)).await)
    }

    /// The versions that the latest runs of a DAG are pinned to, the one of the newest run first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn versions_of_runs(
        &self,
        dag: &DagId,
        runs: u32,
    ) -> Result<Vec<DagHash>, StoreError> {
        either!(self, backend => Box::pin(backend.versions_of_runs(dag, runs)).await)
    }

    /// What is known of every DAG, by id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dag_records(&self) -> Result<Vec<DagRecord>, StoreError> {
        either!(self, backend => Box::pin(backend.dag_records()).await)
    }

    /// What is known of one DAG.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dag_record(&self, dag: &DagId) -> Result<Option<DagRecord>, StoreError> {
        either!(self, backend => Box::pin(backend.dag_record(dag)).await)
    }

    /// The latest ticks of a DAG that got no run, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dropped_ticks(
        &self,
        dag: &DagId,
        limit: u32,
    ) -> Result<Vec<DroppedTicks>, StoreError> {
        either!(self, backend => Box::pin(backend.dropped_ticks(dag, limit)).await)
    }
}
