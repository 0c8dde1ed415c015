//! What readers see: short reads over connections that cannot write.

use chrono::{DateTime, SecondsFormat, Utc};
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::{Phase, Previous, Record, Run, RunFacts, TaskRun};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::store::Store;

/// A run without its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// What was fixed when it was created.
    pub facts: RunFacts,
    /// Its round.
    pub round: u32,
    /// How it stands.
    pub phase: Phase,
}

/// Which runs to find; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this DAG.
    pub dag: Option<DagId>,
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

#[derive(Deserialize)]
struct Progress {
    round: u32,
    phase: Phase,
}

fn document<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::document(what))
}

fn summary(row: &SqliteRow) -> Result<RunSummary, StoreError> {
    let (facts, progress): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let Progress { round, phase } = document(progress, "run")?;
    Ok(RunSummary {
        facts: document(facts, "run")?,
        round,
        phase,
    })
}

impl Store {
    /// Every run that is not over, with its tasks, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn live_runs(&self) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT facts, progress FROM runs WHERE state IN ('queued', 'running') ORDER BY created_at, id";
        let mut runs = Vec::new();
        for row in sqlx::query(select).fetch_all(&self.0.readers).await? {
            runs.push(self.with_tasks(summary(&row)?).await?);
        }
        Ok(runs)
    }

    /// One run, without its tasks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn summary(&self, id: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let select = "SELECT facts, progress FROM runs WHERE id = ?";
        let row = sqlx::query(select)
            .bind(id.as_str())
            .fetch_optional(&self.0.readers)
            .await?;
        row.as_ref().map(summary).transpose()
    }

    /// One run, with its tasks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let select = "SELECT facts, progress FROM runs WHERE id = ?";
        match sqlx::query(select)
            .bind(id.as_str())
            .fetch_optional(&self.0.readers)
            .await?
        {
            Some(row) => Ok(Some(self.with_tasks(summary(&row)?).await?)),
            None => Ok(None),
        }
    }

    async fn with_tasks(&self, summary: RunSummary) -> Result<Run, StoreError> {
        let select = "SELECT body FROM task_runs WHERE run = ? ORDER BY ix";
        let rows = sqlx::query(select)
            .bind(summary.facts.id.as_str())
            .fetch_all(&self.0.readers)
            .await?;
        let task = |row: &SqliteRow| document::<TaskRun>(row.try_get(0)?, "task run");
        let tasks = rows.iter().map(task).collect::<Result<_, _>>()?;
        let RunSummary {
            facts,
            round,
            phase,
        } = summary;
        Ok(Run {
            facts,
            round,
            phase,
            tasks,
        })
    }

    /// Runs that fit a filter, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find_runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let select = "SELECT facts, progress FROM runs WHERE (?1 IS NULL OR dag = ?1) AND (?2 IS NULL OR state = ?2) \
             AND (?3 IS NULL OR created_at >= ?3) AND (?4 IS NULL OR ingestion_id = ?4) \
             AND (?5 IS NULL OR (created_at, id) < (SELECT created_at, id FROM runs WHERE id = ?5)) \
             ORDER BY created_at DESC, id DESC LIMIT ?6";
        let since = filter.since.map(written);
        let limit = if filter.limit == 0 {
            100
        } else {
            i64::from(filter.limit)
        };
        let rows = sqlx::query(select)
            .bind(filter.dag.as_ref().map(DagId::as_str))
            .bind(filter.state.as_deref())
            .bind(since)
            .bind(filter.ingestion_id.as_deref())
            .bind(filter.before.as_ref().map(RunId::as_str))
            .bind(limit)
            .fetch_all(&self.0.readers)
            .await?;
        rows.iter().map(summary).collect()
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
        let select = "SELECT seq, body FROM records WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?";
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = sqlx::query(select)
            .bind(run.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&self.0.readers)
            .await?;
        let read = |row: &SqliteRow| {
            let seq: i64 = row.try_get(0)?;
            Ok((seq.unsigned_abs(), document(row.try_get(1)?, "record")?))
        };
        rows.iter().map(read).collect()
    }

    /// One version of a DAG.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn version(&self, hash: &DagHash) -> Result<Option<PinnedVersion>, StoreError> {
        let select = "SELECT body FROM versions WHERE hash = ?";
        self.one(sqlx::query(select).bind(hash.as_str()), "version")
            .await
    }

    /// What is known of every DAG, by id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dag_records(&self) -> Result<Vec<DagRecord>, StoreError> {
        let rows = sqlx::query("SELECT body FROM dags ORDER BY dag")
            .fetch_all(&self.0.readers)
            .await?;
        rows.iter()
            .map(|row| document(row.try_get(0)?, "DAG"))
            .collect()
    }

    /// What is known of one DAG.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn dag_record(&self, dag: &DagId) -> Result<Option<DagRecord>, StoreError> {
        self.one(
            sqlx::query("SELECT body FROM dags WHERE dag = ?").bind(dag.as_str()),
            "DAG",
        )
        .await
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
        let select = "SELECT body FROM dropped_ticks WHERE dag = ? ORDER BY id DESC LIMIT ?";
        let rows = sqlx::query(select)
            .bind(dag.as_str())
            .bind(limit)
            .fetch_all(&self.0.readers)
            .await?;
        rows.iter()
            .map(|row| document(row.try_get(0)?, "dropped ticks"))
            .collect()
    }

    /// The run that an idempotency key made.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn run_by_key(&self, dag: &DagId, key: &str) -> Result<Option<RunId>, StoreError> {
        let select = "SELECT id FROM runs WHERE dag = ? AND idempotency_key = ?";
        let id: Option<String> = sqlx::query_scalar(select)
            .bind(dag.as_str())
            .bind(key)
            .fetch_optional(&self.0.readers)
            .await?;
        Ok(id.and_then(|id| id.parse().ok()))
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
        let select = "SELECT max(logical_time), max(logical_time) FILTER (WHERE state = 'succeeded') \
             FROM runs WHERE dag = ? AND logical_time < ?";
        let row = sqlx::query(select)
            .bind(dag.as_str())
            .bind(written(before))
            .fetch_one(&self.0.readers)
            .await?;
        let read = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(Previous {
            any: read(row.try_get(0)?),
            success: read(row.try_get(1)?),
        })
    }

    async fn one<'q, T: DeserializeOwned>(
        &self,
        query: sqlx::query::Query<'q, sqlx::Sqlite, <sqlx::Sqlite as sqlx::Database>::Arguments>,
        what: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match query.fetch_optional(&self.0.readers).await? {
            Some(row) => document(row.try_get(0)?, what).map(Some),
            None => Ok(None),
        }
    }
}

/// An instant as the generated columns have it, so that texts compare as instants do.
pub(crate) fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
