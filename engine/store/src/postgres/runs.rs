//! Runs as they are read: what takes several statements is read in one transaction, of one moment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use noctule_core::name::{DagId, NameError, RunId};
use noctule_core::run::{Previous, Record, Run, TaskRun};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::error::StoreError;
use crate::rows::{document, written};
use crate::runs::{RunFilter, RunSummary};

const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const LIVE: &str = "SELECT facts, progress FROM noctule.runs \
    WHERE state IN ('queued', 'running') ORDER BY created_at, id";
const LIVE_TASKS: &str = "SELECT run, body FROM noctule.task_runs \
    WHERE run IN (SELECT id FROM noctule.runs WHERE state IN ('queued', 'running')) ORDER BY run, ix";
const ONE: &str = "SELECT facts, progress FROM noctule.runs WHERE id = $1";
const ITS_TASKS: &str = "SELECT run, body FROM noctule.task_runs WHERE run = $1 ORDER BY ix";
const FIND: &str = "SELECT facts, progress FROM noctule.runs WHERE true";
const BY_KEY: &str = "SELECT id FROM noctule.runs WHERE dag = $1 AND idempotency_key = $2 \
    UNION ALL SELECT run FROM noctule.spent_keys WHERE dag = $1 AND key = $2";
/// The latest before an instant; the index has milliseconds, the instant beside it all digits.
const BEFORE: &str = "SELECT logical_instant FROM noctule.runs \
    WHERE dag = $1 AND logical_time < $2 ORDER BY logical_time DESC LIMIT 1";
const SUCCESS_BEFORE: &str = "SELECT logical_instant FROM noctule.runs \
    WHERE dag = $1 AND logical_time < $2 AND state = 'succeeded' ORDER BY logical_time DESC LIMIT 1";
const AFTER: &str =
    "SELECT seq, body FROM noctule.records WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";

impl PostgresStore {
    pub(crate) async fn live_runs(&self) -> Result<Vec<Run>, StoreError> {
        let (heads, tasks) = steadily!(self, connection => self.live_rows(connection).await)?;
        self.whole(&heads, &tasks)
    }

    pub(crate) async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let (heads, tasks) = steadily!(self, connection => self.rows_of(connection, id).await)?;
        Ok(self.whole(&heads, &tasks)?.pop())
    }

    pub(crate) async fn summary(&self, id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let row = steadily!(self, connection => {
            let query = sqlx::query(ONE).bind(id.as_str());
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        row.map(|row| self.read_summary(&row)).transpose()
    }

    pub(crate) async fn find_runs(
        &self,
        filter: &RunFilter,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let rows = steadily!(self, connection => {
            let mut find = finding(filter);
            find.build().fetch_all(connection).await.at(&self.server.place)
        })?;
        rows.iter().map(|row| self.read_summary(row)).collect()
    }

    pub(crate) async fn run_by_key(
        &self,
        dag: &DagId,
        key: &str,
    ) -> Result<Option<RunId>, StoreError> {
        let id: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(BY_KEY).bind(dag.as_str()).bind(key);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        let unreadable = |error: NameError| corrupt(&self.server.place, error.to_string());
        id.map(|id| id.parse().map_err(unreadable)).transpose()
    }

    pub(crate) async fn previous_times(
        &self,
        dag: &DagId,
        before: DateTime<Utc>,
    ) -> Result<Previous, StoreError> {
        Ok(Previous {
            any: self.latest(BEFORE, dag, before).await?,
            success: self.latest(SUCCESS_BEFORE, dag, before).await?,
        })
    }

    pub(crate) async fn records(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        let place = &self.server.place;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = steadily!(self, connection => {
            let query = sqlx::query(AFTER).bind(run.as_str()).bind(after);
            query.bind(i64::from(limit)).fetch_all(connection).await.at(place)
        })?;
        let read = |row: &PgRow| {
            let (seq, body): (i64, &str) = (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
            Ok((seq.unsigned_abs(), document(body, "record")?))
        };
        rows.iter().map(read).collect()
    }

    async fn latest(
        &self,
        select: &'static str,
        dag: &DagId,
        before: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let at: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(select).bind(dag.as_str()).bind(written(before));
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        let unreadable = |error: chrono::ParseError| corrupt(&self.server.place, error.to_string());
        at.map(|at| at.parse().map_err(unreadable)).transpose()
    }

    async fn live_rows(&self, connection: &mut PgConnection) -> Result<Rows, StoreError> {
        let place = &self.server.place;
        sqlx::raw_sql(MOMENT)
            .execute(&mut *connection)
            .await
            .at(place)?;
        let heads = sqlx::query(LIVE)
            .fetch_all(&mut *connection)
            .await
            .at(place)?;
        let tasks = sqlx::query(LIVE_TASKS)
            .fetch_all(&mut *connection)
            .await
            .at(place)?;
        sqlx::raw_sql("ROLLBACK")
            .execute(connection)
            .await
            .at(place)?;
        Ok((heads, tasks))
    }

    async fn rows_of(&self, connection: &mut PgConnection, id: &RunId) -> Result<Rows, StoreError> {
        let place = &self.server.place;
        sqlx::raw_sql(MOMENT)
            .execute(&mut *connection)
            .await
            .at(place)?;
        let head = sqlx::query(ONE).bind(id.as_str());
        let heads = head.fetch_all(&mut *connection).await.at(place)?;
        let tasks = sqlx::query(ITS_TASKS).bind(id.as_str());
        let tasks = tasks.fetch_all(&mut *connection).await.at(place)?;
        sqlx::raw_sql("ROLLBACK")
            .execute(connection)
            .await
            .at(place)?;
        Ok((heads, tasks))
    }

    fn read_summary(&self, row: &PgRow) -> Result<RunSummary, StoreError> {
        let place = &self.server.place;
        RunSummary::of(row.try_get(0).at(place)?, row.try_get(1).at(place)?)
    }

    fn whole(&self, heads: &[PgRow], tasks: &[PgRow]) -> Result<Vec<Run>, StoreError> {
        let place = &self.server.place;
        let mut by_run: HashMap<&str, Vec<TaskRun>> = HashMap::new();
        for row in tasks {
            let (run, body): (&str, &str) = (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
            let task = document(body, "task run")?;
            by_run.entry(run).or_default().push(task);
        }
        let one = |row: &PgRow| {
            let summary = self.read_summary(row)?;
            let tasks = by_run.remove(summary.facts.id.as_str());
            Ok(summary.with_tasks(tasks.unwrap_or_default()))
        };
        heads.iter().map(one).collect()
    }
}

/// Rows of runs, and rows of their tasks.
type Rows = (Vec<PgRow>, Vec<PgRow>);

/// Only the conditions that are asked for stand in the text, so that an index can serve them.
fn finding(filter: &RunFilter) -> QueryBuilder<Postgres> {
    let mut find = QueryBuilder::new(FIND);
    if let Some(dag) = &filter.dag {
        find.push(" AND dag = ").push_bind(dag.as_str().to_owned());
    }
    if let Some(among) = filter.among.as_ref().filter(|among| among.is_limited()) {
        let like = |glob: &String| glob.replace('_', "\\_").replace('*', "%");
        let patterns: Vec<String> = among.patterns().iter().map(like).collect();
        find.push(" AND dag LIKE ANY (")
            .push_bind(patterns)
            .push("::text[])");
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
        find.push(" AND (created_at, id) < (SELECT created_at, id FROM noctule.runs WHERE id = ");
        find.push_bind(before.as_str().to_owned()).push(")");
    }
    find.push(" ORDER BY created_at DESC, id DESC LIMIT ")
        .push_bind(i64::from(filter.most()));
    find
}
