//! Runs as they are read: short reads over connections that cannot write, each of one moment.

use chrono::{DateTime, Utc};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Instant, Previous, Run, TaskRun};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::SqliteStore;
use super::said::{self, On};
use crate::error::StoreError;
use crate::rows::{document, written};
use crate::runs::{RunFilter, RunSummary};

const LIVE: &str =
    "SELECT facts, progress FROM runs WHERE state IN ('queued', 'running') ORDER BY created_at, id";
const ONE: &str = "SELECT facts, progress FROM runs WHERE id = ?";
const ITS_TASKS: &str = "SELECT body FROM task_runs WHERE run = ? ORDER BY ix";
const FIND: &str = "SELECT facts, progress FROM runs WHERE true";
const BY_KEY: &str = "SELECT id FROM runs WHERE dag = ?1 AND idempotency_key = ?2 \
    UNION ALL SELECT run FROM spent_keys WHERE dag = ?1 AND key = ?2";
/// The latest before an instant; the indices have milliseconds, the facts all digits.
const BEFORE: &str = "SELECT json_extract(facts, '$.logical_time') FROM runs \
    WHERE dag = ? AND logical_time < ? ORDER BY logical_time DESC LIMIT 1";
const SUCCESS_BEFORE: &str = "SELECT json_extract(facts, '$.logical_time') FROM runs \
    WHERE dag = ? AND logical_time < ? AND state = 'succeeded' ORDER BY logical_time DESC LIMIT 1";

impl SqliteStore {
    /// Every run that is not over, with its tasks, oldest first.
    pub(crate) async fn live_runs(&self) -> Result<Vec<Run>, StoreError> {
        let path = &self.path;
        // A transaction, so that runs and tasks are of the same moment.
        let mut moment = self.readers.begin().await.on(path)?;
        let mut runs = Vec::new();
        for row in sqlx::query(LIVE).fetch_all(&mut *moment).await.on(path)? {
            runs.push(self.whole(&row, &mut moment).await?);
        }
        moment.rollback().await.on(path)?;
        Ok(runs)
    }

    /// One run, with its tasks.
    pub(crate) async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let path = &self.path;
        let mut moment = self.readers.begin().await.on(path)?;
        let row = sqlx::query(ONE)
            .bind(id.as_str())
            .fetch_optional(&mut *moment)
            .await
            .on(path)?;
        let run = match row {
            Some(row) => Some(self.whole(&row, &mut moment).await?),
            None => None,
        };
        moment.rollback().await.on(path)?;
        Ok(run)
    }

    /// One run, without its tasks.
    pub(crate) async fn summary(&self, id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let row = sqlx::query(ONE)
            .bind(id.as_str())
            .fetch_optional(&self.readers)
            .await
            .on(&self.path)?;
        row.map(|row| self.read_summary(&row)).transpose()
    }

    /// Runs that fit a filter, newest first.
    pub(crate) async fn find_runs(
        &self,
        filter: &RunFilter,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let mut find = finding(FIND, filter);
        let rows = find.build().fetch_all(&self.readers).await.on(&self.path)?;
        rows.iter().map(|row| self.read_summary(row)).collect()
    }

    /// The run that an idempotency key made.
    pub(crate) async fn run_by_key(
        &self,
        dag: &DagId,
        key: &str,
    ) -> Result<Option<RunId>, StoreError> {
        let query = sqlx::query_scalar(BY_KEY).bind(dag.as_str()).bind(key);
        let id: Option<String> = query.fetch_optional(&self.readers).await.on(&self.path)?;
        let unreadable =
            |error: noctule_core::name::NameError| said::corrupt(&self.path, error.to_string());
        id.map(|id| id.parse().map_err(unreadable)).transpose()
    }

    /// The logical times of the latest run, and of the latest that succeeded, before an instant.
    pub(crate) async fn previous_times(
        &self,
        dag: &DagId,
        before: DateTime<Utc>,
    ) -> Result<Previous, StoreError> {
        let any = self.latest(BEFORE, dag, before).await?;
        Ok(Previous {
            any,
            success: self.latest(SUCCESS_BEFORE, dag, before).await?,
        })
    }

    async fn latest(
        &self,
        select: &'static str,
        dag: &DagId,
        before: Instant,
    ) -> Result<Option<Instant>, StoreError> {
        let query = sqlx::query_scalar(select)
            .bind(dag.as_str())
            .bind(written(before));
        let at: Option<String> = query.fetch_optional(&self.readers).await.on(&self.path)?;
        let unreadable = |error: chrono::ParseError| said::corrupt(&self.path, error.to_string());
        at.map(|at| at.parse().map_err(unreadable)).transpose()
    }

    fn read_summary(&self, row: &SqliteRow) -> Result<RunSummary, StoreError> {
        let path = &self.path;
        RunSummary::of(row.try_get(0).on(path)?, row.try_get(1).on(path)?)
    }

    /// A run with its tasks, as they are at the moment of the connection's transaction.
    async fn whole(
        &self,
        row: &SqliteRow,
        moment: &mut SqliteConnection,
    ) -> Result<Run, StoreError> {
        let path = &self.path;
        let summary = self.read_summary(row)?;
        let rows = sqlx::query(ITS_TASKS)
            .bind(summary.facts.id.as_str())
            .fetch_all(moment)
            .await
            .on(path)?;
        let task = |row: &SqliteRow| document::<TaskRun>(row.try_get(0).on(path)?, "task run");
        let tasks = rows.iter().map(task).collect::<Result<_, _>>()?;
        Ok(summary.with_tasks(tasks))
    }
}

/// The statement that finds what fits a filter, newest first.
fn finding(select: &'static str, filter: &RunFilter) -> QueryBuilder<Sqlite> {
    // Only the conditions that are asked for stand in the text, so that an index can serve them.
    let mut find: QueryBuilder<Sqlite> = QueryBuilder::new(select);
    if let Some(dag) = &filter.dag {
        find.push(" AND dag = ").push_bind(dag.as_str().to_owned());
    }
    if let Some(among) = filter.among.as_ref().filter(|among| among.is_limited()) {
        // `*` means the same to GLOB, and no other letter of a pattern means anything. The sign keeps SQLite from
        // gathering all runs of these DAGs to sort them: they are told apart in an index that is sorted already.
        let mut any = find.push(" AND (").separated(" OR ");
        for pattern in among.patterns() {
            any.push("+dag GLOB ")
                .push_bind_unseparated(pattern.clone());
        }
        find.push(")");
    }
    if let Some(state) = &filter.state {
        find.push(" AND state = ").push_bind(state.clone());
    }
    if let Some(since) = filter.since {
        find.push(" AND created_at >= ").push_bind(written(since));
    }
    if let Some(id) = &filter.ingestion_id {
        find.push(" AND ingestion_id = ").push_bind(id.clone());
    }
    if let Some(before) = &filter.before {
        find.push(" AND (created_at, id) < (SELECT created_at, id FROM runs WHERE id = ");
        find.push_bind(before.as_str().to_owned()).push(")");
    }
    find.push(" ORDER BY created_at DESC, id DESC LIMIT ")
        .push_bind(filter.most());
    find
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use noctule_core::access::Scope;
    use sqlx::Connection;

    use super::*;
    use crate::sqlite::schema;

    async fn plan(connection: &mut SqliteConnection, filter: &RunFilter) -> String {
        let explain = "EXPLAIN QUERY PLAN SELECT facts, progress FROM runs WHERE true";
        let mut find = finding(explain, filter);
        let rows = find.build().fetch_all(connection).await.unwrap();
        let steps = rows.iter().map(|row| row.get::<String, _>("detail"));
        steps.collect::<Vec<String>>().join("; ")
    }

    #[tokio::test]
    async fn every_list_is_read_in_order_from_an_index() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        schema::migrate(&mut connection, Path::new("memory"))
            .await
            .unwrap();
        let all = RunFilter::default();
        let dag = RunFilter {
            dag: Some("d".parse().unwrap()),
            ..all.clone()
        };
        let of = |filter: &RunFilter, state: &str| RunFilter {
            state: Some(state.to_owned()),
            ..filter.clone()
        };
        let among = RunFilter {
            among: Some(Scope::of(vec!["a*".to_owned(), "b".to_owned()]).unwrap()),
            ..all.clone()
        };
        let ingestion = RunFilter {
            ingestion_id: Some("20260101".to_owned()),
            ..dag.clone()
        };
        let since = RunFilter {
            since: Some(Utc::now()),
            ..of(&dag, "failed")
        };
        let before = |filter: &RunFilter| RunFilter {
            before: Some("r".parse().unwrap()),
            ..filter.clone()
        };
        for (filter, read) in [
            (&all, "SCAN runs USING INDEX runs_by_creation"),
            (
                &before(&all),
                "SEARCH runs USING INDEX runs_by_creation (created_at<?)",
            ),
            (&among, "SCAN runs USING INDEX runs_by_creation"),
            (&dag, "SEARCH runs USING INDEX runs_by_dag (dag=?)"),
            (
                &before(&dag),
                "SEARCH runs USING INDEX runs_by_dag (dag=? AND created_at<?)",
            ),
            (
                &of(&all, "failed"),
                "SEARCH runs USING INDEX runs_by_state (state=?)",
            ),
            (
                &of(&among, "failed"),
                "SEARCH runs USING INDEX runs_by_state (state=?)",
            ),
            (
                &of(&dag, "failed"),
                "SEARCH runs USING INDEX runs_by_dag_and_state (dag=? AND state=?)",
            ),
            (
                &since,
                "SEARCH runs USING INDEX runs_by_dag_and_state (dag=? AND state=? AND created_at>?)",
            ),
            (
                &ingestion,
                "SEARCH runs USING INDEX runs_by_ingestion (ingestion_id=? AND dag=?)",
            ),
        ] {
            let plan = plan(&mut connection, filter).await;
            assert!(plan.starts_with(read), "{filter:?}: {plan}");
            assert!(!plan.contains("ORDER BY"), "{filter:?}: {plan}");
        }
        // So few have one ingestion id that they may be sorted.
        let any = RunFilter {
            dag: None,
            ..ingestion
        };
        let plan = plan(&mut connection, &any).await;
        let read = "SEARCH runs USING INDEX runs_by_ingestion (ingestion_id=?)";
        assert!(plan.starts_with(read), "{plan}");
    }
}
