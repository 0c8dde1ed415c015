//! Taking out what is over for long, a small transaction at a time.

use chrono::{DateTime, Utc};
use noctule_core::name::{BackfillId, NameError, RunId};
use noctule_core::retention::Horizon;
use noctule_executor::AttemptKey;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use super::SqliteStore;
use super::commit::BEGIN;
use super::said::{self, On};
use super::steps::write_steps;
use crate::error::StoreError;
use crate::forgetting::{After, OldRun, fitting};
use crate::lease::Lease;
use crate::rows::{json, written};
use crate::steps::Steps;

/// A page is cut by its rows; this bounds what is looked at for it.
const PAGE: u32 = 500;
/// Loose ends that go at once.
const LOOSE: u32 = 1_000;

/// Ended before the instant for its ending. `?1` for good ends, `?2` for the others.
const PAST: &str = "SELECT id, ended_at, \
        (SELECT count(*) FROM task_runs WHERE run = runs.id) + (SELECT count(*) FROM records WHERE run = runs.id) \
    FROM runs WHERE ended_at < max(?1, ?2) AND ended_at < iif(state = 'succeeded', ?1, ?2) \
        AND (SELECT count(*) FROM (SELECT 1 FROM runs AS newer WHERE newer.dag = runs.dag \
            AND (newer.created_at, newer.id) > (runs.created_at, runs.id) LIMIT ?3)) >= ?3 \
        AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.run = runs.id AND messages.state IN ('gathering', 'waiting', 'sending')) \
    ORDER BY ended_at, id LIMIT ?4";
const ENDED: &str = "SELECT id, ended_at, \
        (SELECT count(*) FROM task_runs WHERE run = runs.id) + (SELECT count(*) FROM records WHERE run = runs.id) \
    FROM runs WHERE ended_at < ?1 AND (ended_at > ?2 OR (ended_at = ?2 AND id > ?3)) \
    ORDER BY ended_at, id LIMIT ?4";
const KEYS: &str = "SELECT json_extract(attempt.value, '$.key') \
    FROM task_runs, json_each(task_runs.body, '$.attempts') AS attempt WHERE task_runs.run = ?";

/// Of these runs those that are past still: one that was retried meanwhile is live.
const STILL: &str = "SELECT json_group_array(id) FROM runs WHERE id IN (SELECT value FROM json_each(?1)) \
    AND ended_at < iif(state = 'succeeded', ?2, ?3) \
    AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.run = runs.id AND messages.state IN ('gathering', 'waiting', 'sending'))";
const SPEND: &str = "INSERT INTO spent_keys (dag, key, run) SELECT dag, idempotency_key, id FROM runs \
    WHERE id IN (SELECT value FROM json_each(?)) AND idempotency_key IS NOT NULL ON CONFLICT DO NOTHING";
const FORGET: [&str; 3] = [
    "DELETE FROM records WHERE run IN (SELECT value FROM json_each(?))",
    "DELETE FROM task_runs WHERE run IN (SELECT value FROM json_each(?))",
    "DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))",
];
const FORGET_BACKFILL: [&str; 2] = [
    "DELETE FROM nights WHERE backfill = (SELECT id FROM backfills WHERE id = ? AND live = 0)",
    "DELETE FROM backfills WHERE id = ? AND live = 0",
];
/// Instants of documents have as many digits as they need: only `strftime` makes them comparable.
const LOOSE_ENDS: [&str; 4] = [
    "DELETE FROM asks WHERE id IN (SELECT id FROM asks WHERE answer IS NOT NULL \
        AND strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.at')) < ? ORDER BY id LIMIT ?)",
    "DELETE FROM dropped_ticks WHERE id IN (SELECT id FROM dropped_ticks \
        WHERE strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.at')) < ? ORDER BY id LIMIT ?)",
    "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, body FROM audit ORDER BY id LIMIT ?2) \
        WHERE strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.at')) < ?1)",
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE created_at < ? \
        AND NOT live ORDER BY created_at, id LIMIT ?)",
];

impl SqliteStore {
    pub(crate) async fn forgettable(
        &self,
        horizon: &Horizon,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        let query = sqlx::query(PAST)
            .bind(written(horizon.succeeded_before))
            .bind(written(horizon.others_before))
            .bind(horizon.keep_last)
            .bind(PAGE);
        let found = query.fetch_all(&self.readers).await.on(&self.path)?;
        self.with_keys(&found, rows).await
    }

    pub(crate) async fn ended_between(
        &self,
        after: &After,
        before: DateTime<Utc>,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        let (at, run) = after;
        let query = sqlx::query(ENDED)
            .bind(written(before))
            .bind(written(*at))
            .bind(run.as_ref().map_or("", RunId::as_str))
            .bind(PAGE);
        let found = query.fetch_all(&self.readers).await.on(&self.path)?;
        self.with_keys(&found, rows).await
    }

    pub(crate) async fn forget(
        &self,
        lease: &Lease,
        horizon: &Horizon,
        runs: &[RunId],
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let mut writer = self.writer.take().await?;
        let mut transaction = writer.begin_with(BEGIN).await.on(path)?;
        write_steps(&Steps::default(), &mut transaction, lease.epoch(), path).await?;
        let ids: Vec<&str> = runs.iter().map(RunId::as_str).collect();
        let still: String = sqlx::query_scalar(STILL)
            .bind(json(&ids, "runs")?)
            .bind(written(horizon.succeeded_before))
            .bind(written(horizon.others_before))
            .fetch_one(&mut *transaction)
            .await
            .on(path)?;
        for statement in [SPEND].into_iter().chain(FORGET) {
            let change = sqlx::query(statement).bind(&still);
            change.execute(&mut *transaction).await.on(path)?;
        }
        transaction.commit().await.on(path)
    }

    pub(crate) async fn forget_loose_ends(
        &self,
        lease: &Lease,
        horizon: &Horizon,
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let mut writer = self.writer.take().await?;
        let mut transaction = writer.begin_with(BEGIN).await.on(path)?;
        write_steps(&Steps::default(), &mut transaction, lease.epoch(), path).await?;
        for statement in LOOSE_ENDS {
            let change = sqlx::query(statement)
                .bind(written(horizon.others_before))
                .bind(LOOSE);
            change.execute(&mut *transaction).await.on(path)?;
        }
        transaction.commit().await.on(path)
    }

    pub(crate) async fn forget_backfill(
        &self,
        lease: &Lease,
        id: &BackfillId,
    ) -> Result<(), StoreError> {
        if !lease.is_trusted() {
            return Err(StoreError::LeaseLost(lease.epoch()));
        }
        let path = &self.path;
        let mut writer = self.writer.take().await?;
        let mut transaction = writer.begin_with(BEGIN).await.on(path)?;
        write_steps(&Steps::default(), &mut transaction, lease.epoch(), path).await?;
        for statement in FORGET_BACKFILL {
            let change = sqlx::query(statement).bind(id.as_str());
            change.execute(&mut *transaction).await.on(path)?;
        }
        transaction.commit().await.on(path)
    }

    async fn with_keys(&self, found: &[SqliteRow], rows: u32) -> Result<Vec<OldRun>, StoreError> {
        let path = &self.path;
        let mut reader = self.readers.acquire().await.on(path)?;
        let sizes = found.iter().map(|row| row.try_get(2).on(path));
        let sizes = sizes.collect::<Result<Vec<u32>, _>>()?;
        let mut old = Vec::new();
        for row in &found[..fitting(&sizes, rows)] {
            old.push(self.old_run(row, &mut reader).await?);
        }
        Ok(old)
    }

    async fn old_run(
        &self,
        row: &SqliteRow,
        reader: &mut SqliteConnection,
    ) -> Result<OldRun, StoreError> {
        let path = &self.path;
        let (id, ended_at): (&str, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
        let keys: Vec<String> = sqlx::query_scalar(KEYS)
            .bind(id)
            .fetch_all(reader)
            .await
            .on(path)?;
        let run = id.parse();
        let ended_at = ended_at.parse();
        Ok(OldRun {
            run: run.map_err(|error: NameError| said::corrupt(path, error.to_string()))?,
            ended_at: ended_at
                .map_err(|error: chrono::ParseError| said::corrupt(path, error.to_string()))?,
            keys: keys.iter().map(AttemptKey::from_text).collect(),
        })
    }
}
