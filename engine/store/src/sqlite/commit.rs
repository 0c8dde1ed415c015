//! The one write path: everything that an engine decided, in one transaction, under the epoch of its lease.
//!
//! Rows are the truth, records are history. What is acknowledged is durable; a commit that fails leaves nothing. One write
//! that breaks a rule of the schema does not take the others down: then each group is made under its own savepoint.

use noctule_core::ask::Answer;
use noctule_core::name::RunId;
use noctule_core::run::Run;
use sqlx::{Connection, SqliteConnection};

use super::SqliteStore;
use super::said::On;
use super::steps::write_steps;
use crate::asks::AskId;
use crate::commit::{Write, Written, of_refused};
use crate::document::PinnedVersion;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::{json, written};
use crate::steps::{Progress, Steps};

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
/// A key whose run is forgotten makes no second one.
const CREATE: &str = "INSERT INTO runs (id, facts, progress, idempotency_key) SELECT ?1, ?2, ?3, ?4 \
    WHERE NOT EXISTS (SELECT 1 FROM spent_keys WHERE dag = ?5 AND key = ?4) ON CONFLICT DO NOTHING";
const SAME_TICK: &str = "SELECT id FROM runs WHERE dag = ? AND tick = ?";
const SAME_KEY: &str = "SELECT id FROM runs WHERE dag = ?1 AND idempotency_key = ?2 \
    UNION ALL SELECT run FROM spent_keys WHERE dag = ?1 AND key = ?2";
const PIN: &str = "INSERT INTO versions (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING";
const KEEP_DAG: &str = "INSERT INTO dags (dag, body) VALUES (?, ?) ON CONFLICT (dag) DO UPDATE SET body = excluded.body";
const DROPPED: &str = "INSERT INTO dropped_ticks (dag, body) VALUES (?, ?)";
const TELL: &str = "INSERT INTO messages (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const ANSWER: &str = "UPDATE asks SET answer = ? WHERE id = ? AND answer IS NULL";

impl SqliteStore {
    /// Makes groups of writes durable, all in one transaction. The answers are in the order of the writes.
    pub(crate) async fn commit(
        &self,
        lease: &Lease,
        groups: &[&[Write<'_>]],
    ) -> Result<Vec<Written>, StoreError> {
        if !lease.is_trusted() {
            return Err(StoreError::LeaseLost(lease.epoch()));
        }
        let mut done = self.transact(lease, groups, Together::All).await;
        if matches!(done, Err(StoreError::Refused(_))) {
            done = self.transact(lease, groups, Together::Each).await;
        }
        if let Err(StoreError::Disk { .. } | StoreError::Database { .. }) = done {
            // What this connection still believes about the file may be wrong.
            self.writer.give_up().await;
        }
        done
    }

    async fn transact(
        &self,
        lease: &Lease,
        groups: &[&[Write<'_>]],
        together: Together,
    ) -> Result<Vec<Written>, StoreError> {
        let path = &self.path;
        let mut writer = self.writer.take_to_begin().await?;
        // Dropped on the way, also by a caller that no longer waits, it is rolled back.
        let mut transaction = writer.begin_with(BEGIN).await.on(path)?;
        let desk = Desk {
            store: self,
            epoch: lease.epoch(),
        };
        let written = match together {
            Together::All => desk.all(&mut transaction, &groups.concat()).await?,
            Together::Each => desk.each(&mut transaction, groups).await?,
        };
        if let Some(hook) = &self.hook {
            hook.before()?;
        }
        transaction.commit().await.on(path)?;
        if let Some(hook) = &self.hook {
            hook.after();
        }
        Ok(written)
    }
}

/// How the writes of a commit stand to each other.
#[derive(Debug, Clone, Copy)]
enum Together {
    /// In as few statements as there can be; one that is refused stops all.
    All,
    /// Each group by itself under a savepoint; one that is refused leaves nothing, the others stay.
    Each,
}

/// Writes within a transaction.
struct Desk<'a> {
    store: &'a SqliteStore,
    epoch: i64,
}

impl Desk<'_> {
    async fn each(
        &self,
        connection: &mut SqliteConnection,
        groups: &[&[Write<'_>]],
    ) -> Result<Vec<Written>, StoreError> {
        let path = &self.store.path;
        // First of all the epoch, lest all be refused for other reasons.
        write_steps(&Steps::default(), connection, self.epoch, path).await?;
        let mut written = Vec::new();
        for group in groups {
            let mut savepoint = connection.begin().await.on(path)?;
            match self.one_by_one(&mut savepoint, group).await {
                Ok(done) => {
                    savepoint.commit().await.on(path)?;
                    written.extend(done);
                }
                Err((culprit, error @ StoreError::Refused(_))) => {
                    savepoint.rollback().await.on(path)?;
                    written.extend(of_refused(group.len(), culprit, error));
                }
                Err((_, error)) => return Err(error),
            }
        }
        Ok(written)
    }

    /// The writes of a group, each by itself, so that it is known which of them is refused.
    async fn one_by_one(
        &self,
        connection: &mut SqliteConnection,
        group: &[Write<'_>],
    ) -> Result<Vec<Written>, (usize, StoreError)> {
        let mut written = Vec::with_capacity(group.len());
        for (at, write) in group.iter().enumerate() {
            let alone = std::slice::from_ref(write);
            let done = self.all(connection, alone).await;
            written.extend(done.map_err(|error| (at, error))?);
        }
        Ok(written)
    }

    async fn all(
        &self,
        connection: &mut SqliteConnection,
        writes: &[Write<'_>],
    ) -> Result<Vec<Written>, StoreError> {
        let mut written = Vec::with_capacity(writes.len());
        let mut steps = Steps::default();
        for write in writes {
            let mut outcome = Written::Done;
            match *write {
                Write::Pin { version } => self.pin(connection, version).await?,
                Write::Dag { record } => {
                    let body = json(record, "DAG")?;
                    self.document(connection, KEEP_DAG, record.dag.as_str(), body)
                        .await?;
                }
                Write::Backfill { backfill, nights } => {
                    let store = self.store;
                    store.keep_backfill(connection, backfill, nights).await?;
                }
                Write::Dropped { dropped } => {
                    let body = json(dropped, "dropped ticks")?;
                    self.document(connection, DROPPED, dropped.dag.as_str(), body)
                        .await?;
                }
                Write::Answer { ask, answer } => self.answer(connection, ask, answer).await?,
                Write::Message { message } => {
                    let body = json(message, "message")?;
                    self.document(connection, TELL, &message.id.0, body).await?;
                }
                Write::Step { run, step } => steps.add(run, step, step.run_changed),
                Write::Create {
                    run,
                    step,
                    idempotency_key,
                } => match self.create(connection, run, idempotency_key).await? {
                    None => steps.add(run, step, false),
                    Some(existing) => outcome = Written::Existing(existing),
                },
            }
            written.push(outcome);
        }
        // Also without steps: the epoch is checked there.
        write_steps(&steps, connection, self.epoch, &self.store.path).await?;
        Ok(written)
    }

    /// Inserts a run; gives the one that is there already for its tick or its key.
    async fn create(
        &self,
        connection: &mut SqliteConnection,
        run: &Run,
        key: Option<&str>,
    ) -> Result<Option<RunId>, StoreError> {
        let path = &self.store.path;
        let (facts, progress) = (json(&run.facts, "run")?, json(&Progress::of(run), "run")?);
        let insert = sqlx::query(CREATE)
            .bind(run.facts.id.as_str())
            .bind(facts)
            .bind(progress)
            .bind(key)
            .bind(run.facts.dag.as_str());
        if insert
            .execute(&mut *connection)
            .await
            .on(path)?
            .rows_affected()
            == 1
        {
            return Ok(None);
        }
        let mut found: Option<String> = None;
        if let Some(key) = key {
            let same = sqlx::query_scalar(SAME_KEY)
                .bind(run.facts.dag.as_str())
                .bind(key);
            found = same.fetch_optional(&mut *connection).await.on(path)?;
        }
        if let (None, Some(tick)) = (&found, run.facts.trigger.tick()) {
            let same = sqlx::query_scalar(SAME_TICK)
                .bind(run.facts.dag.as_str())
                .bind(written(tick));
            found = same.fetch_optional(&mut *connection).await.on(path)?;
        }
        let refused = || StoreError::Refused(format!("run {} exists already", run.facts.id));
        found
            .and_then(|id| id.parse().ok())
            .map(Some)
            .ok_or_else(refused)
    }

    async fn pin(
        &self,
        connection: &mut SqliteConnection,
        version: &PinnedVersion,
    ) -> Result<(), StoreError> {
        self.document(
            connection,
            PIN,
            version.hash.as_str(),
            json(version, "version")?,
        )
        .await
    }

    async fn answer(
        &self,
        connection: &mut SqliteConnection,
        ask: AskId,
        answer: &Answer,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(ANSWER)
            .bind(json(answer, "answer")?)
            .bind(ask.0);
        update.execute(connection).await.on(&self.store.path)?;
        Ok(())
    }

    async fn document(
        &self,
        connection: &mut SqliteConnection,
        statement: &'static str,
        name: &str,
        body: String,
    ) -> Result<(), StoreError> {
        sqlx::query(statement)
            .bind(name)
            .bind(body)
            .execute(connection)
            .await
            .on(&self.store.path)?;
        Ok(())
    }
}
