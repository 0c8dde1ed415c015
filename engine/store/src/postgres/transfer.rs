//! The rows of a database, out and in.

use futures_util::TryStreamExt;
use noctule_core::backfill::Backfill;
use noctule_core::name::RunId;
use noctule_core::word::Message;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::PostgresStore;
use super::batch::Births;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::rows::{document, written};
use crate::runs::RunSummary;
use crate::transfer::{Arrival, Arriving, Copied, Head, PAGE, Row, Way};

const HEAD: &str = "SELECT id, profile, epoch FROM noctule.store";
const MOVED: &str = "SELECT moved_to FROM noctule.store";
const RETIRE: &str = "UPDATE noctule.store SET moved_to = $1 WHERE epoch = $2";
const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0";
/// Against another engine, from the first row to the last.
const BEGIN: &str =
    "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
const FENCE: &str = "SELECT 1 FROM noctule.store WHERE epoch = $1 FOR UPDATE";
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM noctule.versions) AND NOT EXISTS (SELECT FROM noctule.dags) \
    AND NOT EXISTS (SELECT FROM noctule.asks) AND NOT EXISTS (SELECT FROM noctule.spent_keys) \
    AND NOT EXISTS (SELECT FROM noctule.tokens) AND NOT EXISTS (SELECT FROM noctule.audit) \
    AND NOT EXISTS (SELECT FROM noctule.messages)";
/// The numbers of asks and of audit events go on after the greatest that came.
const BECOME: [&str; 3] = [
    "SELECT setval(pg_get_serial_sequence('noctule.asks', 'id'), greatest((SELECT max(id) FROM noctule.asks), 1))",
    "SELECT setval(pg_get_serial_sequence('noctule.audit', 'id'), greatest((SELECT max(id) FROM noctule.audit), 1))",
    "UPDATE noctule.inbox SET asks = asks + 1",
];
const NAME: &str = "UPDATE noctule.store SET id = $1, profile = $2, epoch = greatest(epoch, $3) + 1, \
    commits = commits + 1, doubted = $4, moved_to = NULL";
const MESSAGE: &str = "INSERT INTO noctule.messages (id, body, state, live, run, created_at, failed) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const RUN: &str = "INSERT INTO noctule.runs (id, facts, progress, idempotency_key, dag, version, tick, created_at, \
        ingestion_id, logical_time, logical_instant, state, ended_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

const BACKFILL: &str = "INSERT INTO noctule.backfills (id, body, dag, created_at, live) \
    VALUES ($1, $2, $3, $4, $5)";

/// A table: how its rows are asked for, and how one is read. In an order in which each row finds what it refers to.
type Table = (&'static str, fn(&PgRow) -> sqlx::Result<Row>);

const TABLES: [Table; 13] = [
    ("SELECT hash, body FROM noctule.versions", |row| {
        let (hash, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Version { hash, body })
    }),
    ("SELECT dag, body FROM noctule.dags", |row| {
        let (dag, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Dag { dag, body })
    }),
    (
        "SELECT id, facts, progress, idempotency_key FROM noctule.runs",
        |row| {
            Ok(Row::Run {
                id: row.try_get(0)?,
                facts: row.try_get(1)?,
                progress: row.try_get(2)?,
                key: row.try_get(3)?,
            })
        },
    ),
    ("SELECT run, ix, body FROM noctule.task_runs", |row| {
        let (run, ix, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Task { run, ix, body })
    }),
    ("SELECT run, seq, body FROM noctule.records", |row| {
        let (run, seq, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Record { run, seq, body })
    }),
    (
        "SELECT dag, body FROM noctule.dropped_ticks ORDER BY id",
        |row| {
            let (dag, body) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Row::Dropped { dag, body })
        },
    ),
    (
        "SELECT id, body, answer FROM noctule.asks ORDER BY id",
        |row| {
            let (id, body, answer) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(Row::Ask { id, body, answer })
        },
    ),
    ("SELECT dag, key, run FROM noctule.spent_keys", |row| {
        let (dag, key, run) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::SpentKey { dag, key, run })
    }),
    (
        "SELECT hash, name, body, revoked, last_used FROM noctule.tokens",
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
    (
        "SELECT id, body, outcome FROM noctule.audit ORDER BY id",
        |row| {
            let (id, body, outcome) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(Row::Audit { id, body, outcome })
        },
    ),
    ("SELECT id, body FROM noctule.backfills", |row| {
        let (id, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Backfill { id, body })
    }),
    ("SELECT backfill, ix, body FROM noctule.nights", |row| {
        let (backfill, ix, body) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Row::Night { backfill, ix, body })
    }),
    ("SELECT id, body FROM noctule.messages", |row| {
        let (id, body) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Row::Message { id, body })
    }),
];

impl PostgresStore {
    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        let (id, profile, epoch) = steadily!(self, connection => {
            sqlx::query_as(HEAD).fetch_one(connection).await.at(&self.server.place)
        })?;
        Ok(Head { id, profile, epoch })
    }

    pub(crate) async fn moved_to(&self) -> Result<Option<String>, StoreError> {
        steadily!(self, connection => {
            sqlx::query_scalar(MOVED).fetch_one(connection).await.at(&self.server.place)
        })
    }

    pub(crate) async fn retire(&self, lease: &Lease, to: &str) -> Result<(), StoreError> {
        let done = steadily!(self, connection => {
            let update = sqlx::query(RETIRE).bind(to).bind(lease.epoch());
            update.execute(connection).await.at(&self.server.place)
        })?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Fenced(lease.epoch())),
        }
    }

    /// All rows of one moment, over a connection of its own; ends early if nobody takes them any more.
    pub(crate) async fn read_out(&self, way: &Way) -> Result<(), StoreError> {
        let place = &self.server.place;
        let mut connection = self.server.connect().await?;
        let moment = sqlx::raw_sql(MOMENT).execute(&mut connection).await;
        moment.at(place)?;
        for (select, read) in TABLES {
            let mut rows = sqlx::query(select).fetch(&mut connection);
            let mut page = Vec::new();
            while let Some(row) = rows.try_next().await.at(place)? {
                page.push(read(&row).at(place)?);
                if page.len() >= PAGE && !way.send(std::mem::take(&mut page)).await {
                    return Ok(());
                }
            }
            if !way.send(page).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// All rows, in one transaction, where nothing was before.
    pub(crate) async fn write_in(
        &self,
        lease: &Lease,
        head: &Head,
        arrival: Arrival,
        mut arriving: Arriving,
    ) -> Result<Copied, StoreError> {
        let place = &self.server.place;
        let mut connection = self.server.connect().await?;
        let begun = sqlx::raw_sql(BEGIN).execute(&mut connection).await;
        begun.at(place)?;
        let fence = sqlx::query(FENCE).bind(lease.epoch());
        if fence
            .fetch_optional(&mut connection)
            .await
            .at(place)?
            .is_none()
        {
            return Err(StoreError::Fenced(lease.epoch()));
        }
        let empty = sqlx::query_scalar(IS_EMPTY).fetch_one(&mut connection);
        if !empty.await.at(place)? {
            return Err(StoreError::NotEmpty(place.clone()));
        }
        let mut copied = Copied::default();
        while let Some(page) = arriving.page().await? {
            for row in &page {
                self.insert(&mut connection, row).await?;
                copied = copied.and(row);
            }
        }
        for statement in BECOME {
            let done = sqlx::query(statement).execute(&mut connection).await;
            done.at(place)?;
        }
        let name = sqlx::query(NAME)
            .bind(&head.id)
            .bind(&head.profile)
            .bind(head.epoch)
            .bind(arrival == Arrival::SetBack);
        name.execute(&mut connection).await.at(place)?;
        let end = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
        end.at(place)?;
        Ok(copied)
    }

    async fn insert(&self, connection: &mut PgConnection, row: &Row) -> Result<(), StoreError> {
        let insert = match row {
            Row::Run { facts, progress, key, .. } => {
                return self
                    .insert_run(connection, facts, progress, key.as_deref())
                    .await;
            }
            Row::Message { body, .. } => return self.insert_message(connection, body).await,
            Row::Version { hash, body } => {
                sqlx::query("INSERT INTO noctule.versions (hash, body) VALUES ($1, $2)")
                    .bind(hash)
                    .bind(body)
            }
            Row::Dag { dag, body } => {
                sqlx::query("INSERT INTO noctule.dags (dag, body) VALUES ($1, $2)")
                    .bind(dag)
                    .bind(body)
            }
            Row::Task { run, ix, body } => {
                sqlx::query("INSERT INTO noctule.task_runs (run, ix, body) VALUES ($1, $2, $3)")
                    .bind(run)
                    .bind(ix)
                    .bind(body)
            }
            Row::Record { run, seq, body } => {
                sqlx::query("INSERT INTO noctule.records (run, seq, body) VALUES ($1, $2, $3)")
                    .bind(run)
                    .bind(seq)
                    .bind(body)
            }
            Row::Dropped { dag, body } => {
                sqlx::query("INSERT INTO noctule.dropped_ticks (dag, body) VALUES ($1, $2)")
                    .bind(dag)
                    .bind(body)
            }
            Row::Ask { id, body, answer } => sqlx::query(
                "INSERT INTO noctule.asks (id, name, body, answer) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(format!("copied-{id}"))
            .bind(body)
            .bind(answer),
            Row::SpentKey { dag, key, run } => {
                sqlx::query("INSERT INTO noctule.spent_keys (dag, key, run) VALUES ($1, $2, $3)")
                    .bind(dag)
                    .bind(key)
                    .bind(run)
            }
            Row::Token { hash, name, body, revoked, last_used } => sqlx::query(
                "INSERT INTO noctule.tokens (hash, name, body, revoked, last_used) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(hash)
            .bind(name)
            .bind(body)
            .bind(revoked)
            .bind(last_used),
            Row::Audit { id, body, outcome } => sqlx::query(
                "INSERT INTO noctule.audit (id, name, body, outcome) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(format!("copied-{id}"))
            .bind(body)
            .bind(outcome),
            Row::Backfill { id, body } => {
                let head: Backfill = document(body, "backfill")?;
                sqlx::query(BACKFILL)
                    .bind(id)
                    .bind(body)
                    .bind(head.dag.to_string())
                    .bind(written(head.created_at))
                    .bind(!head.is_over())
            }
            Row::Night { backfill, ix, body } => {
                sqlx::query("INSERT INTO noctule.nights (backfill, ix, body) VALUES ($1, $2, $3)")
                    .bind(backfill)
                    .bind(ix)
                    .bind(body)
            }
        };
        insert
            .execute(connection)
            .await
            .at(&self.server.place)
            .map(drop)
    }

    async fn insert_message(
        &self,
        connection: &mut PgConnection,
        body: &str,
    ) -> Result<(), StoreError> {
        let message: Message = document(body, "message")?;
        let insert = sqlx::query(MESSAGE)
            .bind(&message.id.0)
            .bind(body)
            .bind(message.standing.word())
            .bind(message.is_live())
            .bind(message.first.run.as_ref().map(RunId::as_str))
            .bind(written(message.created_at))
            .bind(message.has_failed());
        let place = &self.server.place;
        insert.execute(connection).await.at(place).map(drop)
    }

    /// The documents go as they are; what stands beside them is made of them.
    async fn insert_run(
        &self,
        connection: &mut PgConnection,
        facts: &str,
        progress: &str,
        key: Option<&str>,
    ) -> Result<(), StoreError> {
        let place = &self.server.place;
        let mut births = Births::default();
        births.add(&RunSummary::of(facts, progress)?.without_tasks(), key)?;
        let columns = births.take_one();
        let [id, dag, version, created, ingestion, time, instant, state] =
            columns.ok_or_else(|| corrupt(place, "a run without columns"))?;
        let insert = sqlx::query(RUN)
            .bind(id)
            .bind(facts)
            .bind(progress)
            .bind(key)
            .bind(dag)
            .bind(version)
            .bind(births.ticks.pop().flatten())
            .bind(created)
            .bind(ingestion)
            .bind(time)
            .bind(instant)
            .bind(state)
            .bind(births.ends.pop().flatten());
        insert.execute(connection).await.at(place).map(drop)
    }
}
