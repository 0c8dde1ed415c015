//! DAGs as they are read: their versions, what is known of them besides, and their ticks that got no run.

use noctule_core::name::{DagHash, DagId};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::said::On;
use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::rows::document;

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
