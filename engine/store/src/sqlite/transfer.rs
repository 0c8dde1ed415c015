//! The rows of a file, out and in.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row as _, SqliteConnection};

use super::SqliteStore;
use super::commit::BEGIN;
use super::said::On;
use super::steps::write_steps;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::steps::Steps;
use crate::transfer::{Arrival, Arriving, Copied, Head, PAGE, Row, Way};

const HEAD: &str = "SELECT id, profile, epoch FROM store";
const MOVED: &str = "SELECT moved_to FROM store";
const RETIRE: &str = "UPDATE store SET moved_to = ? WHERE epoch = ?";
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM versions) AND NOT EXISTS (SELECT 1 FROM dags) \
    AND NOT EXISTS (SELECT 1 FROM asks) AND NOT EXISTS (SELECT 1 FROM spent_keys) \
    AND NOT EXISTS (SELECT 1 FROM tokens) AND NOT EXISTS (SELECT 1 FROM audit) \
    AND NOT EXISTS (SELECT 1 FROM messages)";
const BECOME: &str =
    "UPDATE store SET id = ?, profile = ?, epoch = max(epoch, ?) + 1, doubted = ?, moved_to = NULL";

/// A table: how its rows are asked for, and how one is read. In an order in which each row finds what it refers to.
type Table = (&'static str, fn(&SqliteRow) -> sqlx::Result<Row>);

const TABLES: [Table; 13] = [
    ("SELECT hash, body FROM versions", |row| {
        let (hash, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Version { hash, body })
    }),
    ("SELECT dag, body FROM dags", |row| {
        let (dag, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Dag { dag, body })
    }),
    (
        "SELECT id, facts, progress, idempotency_key FROM runs",
        |row| {
            Ok(Row::Run {
                id: row.try_get(0)?,
                facts: row.try_get(1)?,
                progress: row.try_get(2)?,
                key: row.try_get(3)?,
            })
        },
    ),
    ("SELECT run, ix, body FROM task_runs", |row| {
        let (run, ix, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Task { run, ix, body })
    }),
    ("SELECT run, seq, body FROM records", |row| {
        let (run, seq, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Record { run, seq, body })
    }),
    ("SELECT dag, body FROM dropped_ticks ORDER BY id", |row| {
        let (dag, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Dropped { dag, body })
    }),
    ("SELECT id, body, answer FROM asks ORDER BY id", |row| {
        let (id, body, answer) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Ask { id, body, answer })
    }),
    ("SELECT dag, key, run FROM spent_keys", |row| {
        let (dag, key, run) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::SpentKey { dag, key, run })
    }),
    (
        "SELECT hash, name, body, revoked, last_used FROM tokens",
        |row| {
            Ok(Row::Token {
                hash: row.try_get(0)?,
                name: row.try_get(1)?,
                body: row.try_get(2)?,
                revoked: row.try_get(3)?,
                last_used: row.try_get(4)?,
            })
        },
    ),
    ("SELECT id, body, outcome FROM audit ORDER BY id", |row| {
        let (id, body, outcome) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Audit { id, body, outcome })
    }),
    ("SELECT id, body FROM backfills", |row| {
        let (id, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Backfill { id, body })
    }),
    ("SELECT backfill, ix, body FROM nights", |row| {
        let (backfill, ix, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Night { backfill, ix, body })
    }),
    ("SELECT id, body FROM messages", |row| {
        let (id, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Message { id, body })
    }),
];

impl SqliteStore {
    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        let query = sqlx::query_as(HEAD).fetch_one(&self.readers);
        let (id, profile, epoch) = query.await.on(&self.path)?;
        Ok(Head { id, profile, epoch })
    }

    pub(crate) async fn moved_to(&self) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(MOVED).fetch_one(&self.readers);
        query.await.on(&self.path)
    }

    pub(crate) async fn retire(&self, lease: &Lease, to: &str) -> Result<(), StoreError> {
        let mut writer = self.writer.take().await?;
        let update = sqlx::query(RETIRE).bind(to).bind(lease.epoch());
        let done = update.execute(&mut *writer).await.on(&self.path)?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Fenced(lease.epoch())),
        }
    }

    /// All rows of one moment; ends early if nobody takes them any more.
    pub(crate) async fn read_out(&self, way: &Way) -> Result<(), StoreError> {
        let path = &self.path;
        let mut moment = self.readers.begin().await.on(path)?;
        for (select, read) in TABLES {
            let mut rows = sqlx::query(select).fetch(&mut *moment);
            let mut page = Vec::new();
            while let Some(row) = rows.try_next().await.on(path)? {
                page.push(read(&row).on(path)?);
                if page.len() >= PAGE && !way.send(std::mem::take(&mut page)).await {
                    return Ok(());
                }
            }
            if !way.send(page).await {
                return Ok(());
            }
        }
        moment.rollback().await.on(path)
    }

    /// All rows, in one transaction, where nothing was before.
    pub(crate) async fn write_in(
        &self,
        lease: &Lease,
        head: &Head,
        arrival: Arrival,
        mut arriving: Arriving,
    ) -> Result<Copied, StoreError> {
        let path = &self.path;
        let mut writer = self.writer.take().await?;
        let mut transaction = writer.begin_with(BEGIN).await.on(path)?;
        write_steps(&Steps::default(), &mut transaction, lease.epoch(), path).await?;
        let empty: bool = sqlx::query_scalar(IS_EMPTY)
            .fetch_one(&mut *transaction)
            .await
            .on(path)?;
        if !empty {
            return Err(StoreError::NotEmpty(self.place()));
        }
        let mut copied = Copied::default();
        while let Some(page) = arriving.page().await? {
            for row in &page {
                self.insert(&mut transaction, row).await?;
                copied = copied.and(row);
            }
        }
        let become_it = sqlx::query(BECOME)
            .bind(&head.id)
            .bind(&head.profile)
            .bind(head.epoch)
            .bind(arrival == Arrival::SetBack);
        become_it.execute(&mut *transaction).await.on(path)?;
        transaction.commit().await.on(path)?;
        Ok(copied)
    }

    async fn insert(&self, connection: &mut SqliteConnection, row: &Row) -> Result<(), StoreError> {
        let insert = match row {
            Row::Version { hash, body } => {
                sqlx::query("INSERT INTO versions (hash, body) VALUES (?, ?)")
                    .bind(hash)
                    .bind(body)
            }
            Row::Dag { dag, body } => sqlx::query("INSERT INTO dags (dag, body) VALUES (?, ?)")
                .bind(dag)
                .bind(body),
            Row::Run {
                id,
                facts,
                progress,
                key,
            } => sqlx::query(
                "INSERT INTO runs (id, facts, progress, idempotency_key) VALUES (?, ?, ?, ?)",
            )
            .bind(id)
            .bind(facts)
            .bind(progress)
            .bind(key),
            Row::Task { run, ix, body } => {
                sqlx::query("INSERT INTO task_runs (run, ix, body) VALUES (?, ?, ?)")
                    .bind(run)
                    .bind(ix)
                    .bind(body)
            }
            Row::Record { run, seq, body } => {
                sqlx::query("INSERT INTO records (run, seq, body) VALUES (?, ?, ?)")
                    .bind(run)
                    .bind(seq)
                    .bind(body)
            }
            Row::Dropped { dag, body } => {
                sqlx::query("INSERT INTO dropped_ticks (dag, body) VALUES (?, ?)")
                    .bind(dag)
                    .bind(body)
            }
            Row::Ask { id, body, answer } => {
                sqlx::query("INSERT INTO asks (id, body, answer) VALUES (?, ?, ?)")
                    .bind(id)
                    .bind(body)
                    .bind(answer)
            }
            Row::SpentKey { dag, key, run } => {
                sqlx::query("INSERT INTO spent_keys (dag, key, run) VALUES (?, ?, ?)")
                    .bind(dag)
                    .bind(key)
                    .bind(run)
            }
            Row::Token {
                hash,
                name,
                body,
                revoked,
                last_used,
            } => sqlx::query(
                "INSERT INTO tokens (hash, name, body, revoked, last_used) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(hash)
            .bind(name)
            .bind(body)
            .bind(revoked)
            .bind(last_used),
            Row::Audit { id, body, outcome } => {
                sqlx::query("INSERT INTO audit (id, body, outcome) VALUES (?, ?, ?)")
                    .bind(id)
                    .bind(body)
                    .bind(outcome)
            }
            Row::Backfill { id, body } => {
                sqlx::query("INSERT INTO backfills (id, body) VALUES (?, ?)")
                    .bind(id)
                    .bind(body)
            }
            Row::Night { backfill, ix, body } => {
                sqlx::query("INSERT INTO nights (backfill, ix, body) VALUES (?, ?, ?)")
                    .bind(backfill)
                    .bind(ix)
                    .bind(body)
            }
            Row::Message { id, body } => {
                sqlx::query("INSERT INTO messages (id, body) VALUES (?, ?)")
                    .bind(id)
                    .bind(body)
            }
        };
        insert.execute(connection).await.on(&self.path).map(drop)
    }
}
