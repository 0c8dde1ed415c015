//! DAGs as they are read, and whether every stored document is one.

use noctule_core::name::{DagHash, DagId};

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::rows::document;

/// The versions of the latest runs, told apart in the database: no run is read for it.
const OF_RUNS: &str = "SELECT version FROM \
    (SELECT version, created_at FROM noctule.runs WHERE dag = $1 ORDER BY created_at DESC, id DESC LIMIT $2) AS latest \
    GROUP BY version ORDER BY max(created_at) DESC, version";
const VERSION: &str = "SELECT body FROM noctule.versions WHERE hash = $1";
const ALL: &str = "SELECT body FROM noctule.dags ORDER BY dag";
const ONE: &str = "SELECT body FROM noctule.dags WHERE dag = $1";
const DROPPED: &str =
    "SELECT body FROM noctule.dropped_ticks WHERE dag = $1 ORDER BY id DESC LIMIT $2";
/// A text that is no document fails its cast.
const CHECK: &str = "SELECT \
    (SELECT count(body::json) FROM noctule.versions) + (SELECT count(body::json) FROM noctule.dags) \
    + (SELECT count(facts::json) + count(progress::json) FROM noctule.runs) \
    + (SELECT count(body::json) FROM noctule.task_runs) + (SELECT count(body::json) FROM noctule.records) \
    + (SELECT count(body::json) FROM noctule.backfills) + (SELECT count(body::json) FROM noctule.nights) \
    + (SELECT count(body::json) FROM noctule.messages) + (SELECT count(body::json) + count(revoked::json) FROM noctule.tokens) \
    + (SELECT count(body::json) FROM noctule.audit) + (SELECT count(body::json) FROM noctule.dropped_ticks) \
    + (SELECT count(body::json) + count(answer::json) FROM noctule.asks)";

impl PostgresStore {
    pub(crate) async fn version(
        &self,
        hash: &DagHash,
    ) -> Result<Option<PinnedVersion>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(VERSION).bind(hash.as_str());
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        body.map(|body| document(&body, "version")).transpose()
    }

    pub(crate) async fn versions_of_runs(
        &self,
        dag: &DagId,
        runs: u32,
    ) -> Result<Vec<DagHash>, StoreError> {
        let hashes: Vec<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(OF_RUNS).bind(dag.as_str()).bind(i64::from(runs));
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        let unreadable =
            |error: noctule_core::name::NameError| corrupt(&self.server.place, error.to_string());
        let read = |hash: &String| hash.parse().map_err(unreadable);
        hashes.iter().map(read).collect()
    }

    pub(crate) async fn dag_records(&self) -> Result<Vec<DagRecord>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            sqlx::query_scalar(ALL).fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies.iter().map(|body| document(body, "DAG")).collect()
    }

    pub(crate) async fn dag_record(&self, dag: &DagId) -> Result<Option<DagRecord>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(ONE).bind(dag.as_str());
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        body.map(|body| document(&body, "DAG")).transpose()
    }

    pub(crate) async fn dropped_ticks(
        &self,
        dag: &DagId,
        limit: u32,
    ) -> Result<Vec<DroppedTicks>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(DROPPED).bind(dag.as_str()).bind(i64::from(limit));
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        let read = |body: &String| document(body, "dropped ticks");
        bodies.iter().map(read).collect()
    }

    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let counted: Result<i64, StoreError> = steadily!(self, connection => {
            sqlx::query_scalar(CHECK).fetch_one(connection).await.at(&self.server.place)
        });
        match counted {
            Err(StoreError::Refused(message)) => Err(corrupt(&self.server.place, message)),
            counted => counted.map(drop),
        }
    }
}
