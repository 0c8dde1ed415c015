//! DAGs as they are read: their versions, what is known of them besides, and their ticks that got no run.

use noctule_core::name::{DagHash, DagId};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::said::{self, On};
use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::rows::document;

/// The versions of the latest runs, told apart in the database: no run is read for it.
const OF_RUNS: &str = "SELECT version FROM \
    (SELECT version, created_at FROM runs WHERE dag = ? ORDER BY created_at DESC, id DESC LIMIT ?) AS latest \
    GROUP BY version ORDER BY max(created_at) DESC, version";
const VERSION: &str = "SELECT body FROM versions WHERE hash = ?";
const ALL: &str = "SELECT body FROM dags ORDER BY dag";
const ONE: &str = "SELECT body FROM dags WHERE dag = ?";
const DROPPED: &str = "SELECT body FROM dropped_ticks WHERE dag = ? ORDER BY id DESC LIMIT ?";

impl SqliteStore {
    /// One version of a DAG.
    pub(crate) async fn version(
        &self,
        hash: &DagHash,
    ) -> Result<Option<PinnedVersion>, StoreError> {
        let row = sqlx::query(VERSION)
            .bind(hash.as_str())
            .fetch_optional(&self.readers)
            .await
            .on(&self.path)?;
        row.map(|row| self.body(&row, "version")).transpose()
    }

    /// The versions that the latest runs of a DAG are pinned to.
    pub(crate) async fn versions_of_runs(
        &self,
        dag: &DagId,
        runs: u32,
    ) -> Result<Vec<DagHash>, StoreError> {
        let query = sqlx::query_scalar(OF_RUNS).bind(dag.as_str()).bind(runs);
        let hashes: Vec<String> = query.fetch_all(&self.readers).await.on(&self.path)?;
        let unreadable =
            |error: noctule_core::name::NameError| said::corrupt(&self.path, error.to_string());
        let read = |hash: &String| hash.parse().map_err(unreadable);
        hashes.iter().map(read).collect()
    }

    /// What is known of every DAG, by id.
    pub(crate) async fn dag_records(&self) -> Result<Vec<DagRecord>, StoreError> {
        let rows = sqlx::query(ALL)
            .fetch_all(&self.readers)
            .await
            .on(&self.path)?;
        rows.iter().map(|row| self.body(row, "DAG")).collect()
    }

    /// What is known of one DAG.
    pub(crate) async fn dag_record(&self, dag: &DagId) -> Result<Option<DagRecord>, StoreError> {
        let row = sqlx::query(ONE)
            .bind(dag.as_str())
            .fetch_optional(&self.readers)
            .await
            .on(&self.path)?;
        row.map(|row| self.body(&row, "DAG")).transpose()
    }

    /// The latest ticks of a DAG that got no run, newest first.
    pub(crate) async fn dropped_ticks(
        &self,
        dag: &DagId,
        limit: u32,
    ) -> Result<Vec<DroppedTicks>, StoreError> {
        let query = sqlx::query(DROPPED).bind(dag.as_str()).bind(limit);
        let rows = query.fetch_all(&self.readers).await.on(&self.path)?;
        rows.iter()
            .map(|row| self.body(row, "dropped ticks"))
            .collect()
    }

    fn body<T: DeserializeOwned>(
        &self,
        row: &SqliteRow,
        what: &'static str,
    ) -> Result<T, StoreError> {
        document(row.try_get(0).on(&self.path)?, what)
    }
}
