//! The one write path: everything that an engine decided, in one transaction, under the epoch of its lease.
//!
//! Rows are the truth, records are history. What is acknowledged is durable; a commit that fails leaves nothing. One write
//! that breaks a rule of the schema does not take the others down: then each is made under its own savepoint.

use noctule_core::ask::Answer;
use noctule_core::name::RunId;
use noctule_core::run::{Run, Step};
use sqlx::{Connection, SqliteConnection};

use crate::asks::AskId;
use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::hop::{self, Changed, progress};
use crate::lock::Lease;
use crate::read::written;
use crate::store::Store;

/// One thing to write.
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// A new run.
    Create {
        /// How it stands.
        run: &'a Run,
        /// What its journal says so far.
        step: &'a Step,
        /// The same key never makes a second run of the DAG.
        idempotency_key: Option<&'a str>,
    },
    /// What changed in a run.
    Step {
        /// How it stands now.
        run: &'a Run,
        /// What changed.
        step: &'a Step,
    },
    /// An answer to an ask.
    Answer {
        /// Which.
        ask: AskId,
        /// What.
        answer: &'a Answer,
    },
    /// A version that runs will be pinned to.
    Pin {
        /// Which.
        version: &'a PinnedVersion,
    },
    /// What is known of a DAG.
    Dag {
        /// What.
        record: &'a DagRecord,
    },
    /// Ticks that got no run.
    Dropped {
        /// Which.
        dropped: &'a DroppedTicks,
    },
}

/// What became of a write.
#[derive(Debug)]
pub enum Written {
    /// It is durable.
    Done,
    /// The run exists already, for the same tick or the same idempotency key; nothing was written.
    Existing(RunId),
    /// It broke a rule; nothing of it was written, while the other writes are durable.
    Failed(StoreError),
}

impl Store {
    /// Makes writes durable, all in one transaction. The answers are in the order of the writes.
    ///
    /// # Errors
    /// The lease is past (`Fenced`), or nothing could be written.
    pub async fn commit(
        &self,
        lease: &Lease,
        writes: &[Write<'_>],
    ) -> Result<Vec<Written>, StoreError> {
        match self.commit_at_once(lease, writes).await {
            Err(StoreError::Refused(_)) if writes.len() > 1 => {
                self.commit_each(lease, writes).await
            }
            Err(StoreError::Refused(message)) => {
                Ok(vec![Written::Failed(StoreError::Refused(message))])
            }
            done => done,
        }
    }

    async fn commit_at_once(
        &self,
        lease: &Lease,
        writes: &[Write<'_>],
    ) -> Result<Vec<Written>, StoreError> {
        let mut writer = self.0.writer.lock().await;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let written = match only_steps(writes) {
            Some(steps) => {
                hop::write(&mut transaction, Some(lease), &steps).await?;
                writes.iter().map(|_| Written::Done).collect()
            }
            None => {
                check_epoch(&mut transaction, lease).await?;
                apply(&mut transaction, writes).await?
            }
        };
        self.before()?;
        transaction.commit().await?;
        self.after();
        Ok(written)
    }

    async fn commit_each(
        &self,
        lease: &Lease,
        writes: &[Write<'_>],
    ) -> Result<Vec<Written>, StoreError> {
        let mut writer = self.0.writer.lock().await;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        check_epoch(&mut transaction, lease).await?;
        let mut all = Vec::with_capacity(writes.len());
        for write in writes {
            let mut savepoint = transaction.begin().await?;
            match apply(&mut savepoint, std::slice::from_ref(write)).await {
                Ok(written) => {
                    savepoint.commit().await?;
                    all.extend(written);
                }
                Err(error @ StoreError::Refused(_)) => {
                    savepoint.rollback().await?;
                    all.push(Written::Failed(error));
                }
                Err(error) => return Err(error),
            }
        }
        self.before()?;
        transaction.commit().await?;
        self.after();
        Ok(all)
    }

    fn before(&self) -> Result<(), StoreError> {
        self.0.hook.as_ref().map_or(Ok(()), |hook| hook.before())
    }

    fn after(&self) {
        if let Some(hook) = &self.0.hook {
            hook.after();
        }
    }
}

async fn check_epoch(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), StoreError> {
    let mine = sqlx::query("UPDATE store SET commits = commits + 1 WHERE epoch = ?");
    match mine
        .bind(lease.epoch)
        .execute(connection)
        .await?
        .rows_affected()
    {
        1 => Ok(()),
        _ => Err(StoreError::Fenced(lease.epoch)),
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    writes: &[Write<'_>],
) -> Result<Vec<Written>, StoreError> {
    let mut written = Vec::with_capacity(writes.len());
    let mut steps = Vec::new();
    for write in writes {
        let mut outcome = Written::Done;
        match write {
            Write::Pin { version } => pin(connection, version).await?,
            Write::Dag { record } => write_dag(connection, record).await?,
            Write::Dropped { dropped } => write_dropped(connection, dropped).await?,
            Write::Answer { ask, answer } => write_answer(connection, *ask, answer).await?,
            Write::Step { run, step } => steps.push((*run, *step, step.run_changed)),
            Write::Create {
                run,
                step,
                idempotency_key,
            } => match create(connection, run, *idempotency_key).await? {
                None => steps.push((*run, *step, false)),
                Some(existing) => outcome = Written::Existing(existing),
            },
        }
        written.push(outcome);
    }
    hop::write(connection, None, &steps).await?;
    Ok(written)
}

/// Inserts a run; gives the one that is there already for its tick or its key.
async fn create(
    connection: &mut SqliteConnection,
    run: &Run,
    key: Option<&str>,
) -> Result<Option<RunId>, StoreError> {
    let facts = serde_json::to_string(&run.facts).map_err(StoreError::document("run"))?;
    let insert = "INSERT INTO runs (id, facts, progress, idempotency_key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert)
        .bind(run.facts.id.as_str())
        .bind(facts)
        .bind(progress(run)?)
        .bind(key);
    if query.execute(&mut *connection).await?.rows_affected() == 1 {
        return Ok(None);
    }
    let tick = run.facts.trigger.tick().map(written);
    let there = "SELECT id FROM runs WHERE dag = ?1 AND ((?2 IS NOT NULL AND tick = ?2) OR (?3 IS NOT NULL AND idempotency_key = ?3))";
    let found: Option<String> = sqlx::query_scalar(there)
        .bind(run.facts.dag.as_str())
        .bind(tick)
        .bind(key)
        .fetch_optional(connection)
        .await?;
    let refused = || StoreError::Refused(format!("run {} exists already", run.facts.id));
    found
        .and_then(|id| id.parse().ok())
        .map(Some)
        .ok_or_else(refused)
}

/// The steps of a batch that holds nothing else: the ordinary case, which has a path of its own.
fn only_steps<'a>(writes: &[Write<'a>]) -> Option<Vec<Changed<'a>>> {
    let step = |write: &Write<'a>| match *write {
        Write::Step { run, step } => Some((run, step, step.run_changed)),
        _ => None,
    };
    writes.iter().map(step).collect()
}

async fn pin(connection: &mut SqliteConnection, version: &PinnedVersion) -> Result<(), StoreError> {
    let body = serde_json::to_string(version).map_err(StoreError::document("version"))?;
    let insert = "INSERT INTO versions (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING";
    sqlx::query(insert)
        .bind(version.hash.as_str())
        .bind(body)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_dag(
    connection: &mut SqliteConnection,
    record: &DagRecord,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(record).map_err(StoreError::document("DAG"))?;
    let upsert = "INSERT INTO dags (dag, body) VALUES (?, ?) ON CONFLICT (dag) DO UPDATE SET body = excluded.body";
    sqlx::query(upsert)
        .bind(record.dag.as_str())
        .bind(body)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_dropped(
    connection: &mut SqliteConnection,
    dropped: &DroppedTicks,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(dropped).map_err(StoreError::document("dropped ticks"))?;
    let insert = "INSERT INTO dropped_ticks (dag, body) VALUES (?, ?)";
    sqlx::query(insert)
        .bind(dropped.dag.as_str())
        .bind(body)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_answer(
    connection: &mut SqliteConnection,
    ask: AskId,
    answer: &Answer,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(answer).map_err(StoreError::document("answer"))?;
    let update = "UPDATE asks SET answer = ? WHERE id = ? AND answer IS NULL";
    sqlx::query(update)
        .bind(body)
        .bind(ask.0)
        .execute(connection)
        .await?;
    Ok(())
}
