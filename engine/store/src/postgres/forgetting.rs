//! Taking out what is over for long, a small transaction at a time, on a connection of its own.
//!
//! Under the epoch, whose row is held against another engine meanwhile. To forget twice is harmless, so a lost answer is too.

use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::name::{BackfillId, NameError, RunId};
use noctule_core::retention::Horizon;
use noctule_core::run::TaskRun;
use noctule_executor::AttemptKey;
use serde::Deserialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt, within};
use crate::error::StoreError;
use crate::forgetting::{After, OldRun, fitting};
use crate::lease::Lease;
use crate::rows::{document, written};

/// A page is cut by its rows; this bounds what is looked at for it.
const PAGE: i64 = 500;
/// Loose ends that go at once.
const LOOSE: i64 = 1_000;
/// The longest that a batch may take.
const PATIENCE: Duration = Duration::from_secs(30);

const PAST: &str = "SELECT id, ended_at, \
        (SELECT count(*) FROM noctule.task_runs WHERE run = runs.id) \
            + (SELECT count(*) FROM noctule.records WHERE run = runs.id) \
    FROM noctule.runs WHERE ended_at < greatest($1, $2) AND ended_at < CASE state WHEN 'succeeded' THEN $1 ELSE $2 END \
        AND (SELECT count(*) FROM (SELECT FROM noctule.runs AS newer WHERE newer.dag = runs.dag \
            AND (newer.created_at, newer.id) > (runs.created_at, runs.id) LIMIT $3) AS newest) >= $3 \
        AND NOT EXISTS (SELECT FROM noctule.messages AS told WHERE told.run = runs.id \
            AND told.state IN ('gathering', 'waiting', 'sending')) \
    ORDER BY ended_at, id LIMIT $4";
const ENDED: &str = "SELECT id, ended_at, \
        (SELECT count(*) FROM noctule.task_runs WHERE run = runs.id) \
            + (SELECT count(*) FROM noctule.records WHERE run = runs.id) \
    FROM noctule.runs WHERE ended_at < $1 AND (ended_at, id) > ($2, $3) ORDER BY ended_at, id LIMIT $4";
const TASKS: &str = "SELECT body FROM noctule.task_runs WHERE run = $1";

const FENCE: &str = "SELECT 1 FROM noctule.store WHERE epoch = $1 FOR SHARE";
/// Of these runs those that are past still: one that was retried meanwhile is live.
const STILL: &str = "SELECT id FROM noctule.runs WHERE id = ANY ($1) \
    AND ended_at < CASE state WHEN 'succeeded' THEN $2 ELSE $3 END \
    AND NOT EXISTS (SELECT FROM noctule.messages AS told WHERE told.run = runs.id \
        AND told.state IN ('gathering', 'waiting', 'sending')) FOR UPDATE";
const FORGET: [&str; 4] = [
    "INSERT INTO noctule.spent_keys (dag, key, run) SELECT dag, idempotency_key, id FROM noctule.runs \
        WHERE id = ANY ($1) AND idempotency_key IS NOT NULL ON CONFLICT DO NOTHING",
    "DELETE FROM noctule.records WHERE run = ANY ($1)",
    "DELETE FROM noctule.task_runs WHERE run = ANY ($1)",
    "DELETE FROM noctule.runs WHERE id = ANY ($1)",
];
const FORGET_BACKFILL: [&str; 2] = [
    "DELETE FROM noctule.nights WHERE backfill = (SELECT id FROM noctule.backfills WHERE id = $1 AND NOT live)",
    "DELETE FROM noctule.backfills WHERE id = $1 AND NOT live",
];
/// Messages are dated by a column. What is live is what a recovery or a repetition is known by, however old it is.
const TOLD: &str = "DELETE FROM noctule.messages WHERE id IN (SELECT id FROM noctule.messages WHERE created_at < $1 \
    AND NOT live ORDER BY created_at, id LIMIT $2)";
/// What to look at, and how to take it out.
const LOOSE_ENDS: [(&str, &str); 3] = [
    (
        "SELECT id, body FROM noctule.asks WHERE answer IS NOT NULL ORDER BY id LIMIT $1",
        "DELETE FROM noctule.asks WHERE id = ANY ($1)",
    ),
    (
        "SELECT id, body FROM noctule.dropped_ticks ORDER BY id LIMIT $1",
        "DELETE FROM noctule.dropped_ticks WHERE id = ANY ($1)",
    ),
    (
        "SELECT id, body FROM noctule.audit ORDER BY id LIMIT $1",
        "DELETE FROM noctule.audit WHERE id = ANY ($1)",
    ),
];

/// What asks, dropped ticks and audit events have in common.
#[derive(Deserialize)]
struct Dated {
    at: DateTime<Utc>,
}

impl PostgresStore {
    pub(crate) async fn forgettable(
        &self,
        horizon: &Horizon,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        let place = &self.server.place;
        steadily!(self, connection => {
            let query = sqlx::query(PAST)
                .bind(written(horizon.succeeded_before))
                .bind(written(horizon.others_before))
                .bind(i64::from(horizon.keep_last))
                .bind(PAGE);
            match query.fetch_all(&mut *connection).await.at(place) {
                Ok(found) => self.with_keys(&found, rows, connection).await,
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) async fn ended_between(
        &self,
        after: &After,
        before: DateTime<Utc>,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        let place = &self.server.place;
        let (at, run) = after;
        let run = run.as_ref().map_or("", RunId::as_str);
        steadily!(self, connection => {
            let query = sqlx::query(ENDED).bind(written(before)).bind(written(*at));
            match query.bind(run).bind(PAGE).fetch_all(&mut *connection).await.at(place) {
                Ok(found) => self.with_keys(&found, rows, connection).await,
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) async fn forget(
        &self,
        lease: &Lease,
        horizon: &Horizon,
        runs: &[RunId],
    ) -> Result<(), StoreError> {
        within(
            PATIENCE,
            &self.server.place,
            self.take_out(lease, horizon, runs),
        )
        .await
    }

    pub(crate) async fn forget_loose_ends(
        &self,
        lease: &Lease,
        horizon: &Horizon,
    ) -> Result<(), StoreError> {
        within(
            PATIENCE,
            &self.server.place,
            self.take_out_loose_ends(lease, horizon),
        )
        .await
    }

    async fn take_out(
        &self,
        lease: &Lease,
        horizon: &Horizon,
        runs: &[RunId],
    ) -> Result<(), StoreError> {
        let place = &self.server.place;
        let ids: Vec<String> = runs.iter().map(RunId::to_string).collect();
        let mut connection = self.fenced(lease).await?;
        let still: Vec<String> = sqlx::query_scalar(STILL)
            .bind(&ids)
            .bind(written(horizon.succeeded_before))
            .bind(written(horizon.others_before))
            .fetch_all(&mut connection)
            .await
            .at(place)?;
        for statement in FORGET {
            let change = sqlx::query(statement).bind(&still);
            change.execute(&mut connection).await.at(place)?;
        }
        let end = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
        end.at(place).map(drop)
    }

    async fn take_out_loose_ends(
        &self,
        lease: &Lease,
        horizon: &Horizon,
    ) -> Result<(), StoreError> {
        let place = &self.server.place;
        let mut connection = self.fenced(lease).await?;
        let told = sqlx::query(TOLD)
            .bind(written(horizon.others_before))
            .bind(LOOSE);
        told.execute(&mut connection).await.at(place)?;
        for (look, take_out) in LOOSE_ENDS {
            let look = sqlx::query_as(look).bind(LOOSE);
            let oldest: Vec<(i64, String)> = look.fetch_all(&mut connection).await.at(place)?;
            let is_past = |body: &str| {
                document::<Dated>(body, "date").is_ok_and(|dated| dated.at < horizon.others_before)
            };
            let past = oldest.into_iter().filter(|(_, body)| is_past(body));
            let past: Vec<i64> = past.map(|(id, _)| id).collect();
            let change = sqlx::query(take_out).bind(past);
            change.execute(&mut connection).await.at(place)?;
        }
        let end = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
        end.at(place).map(drop)
    }

    pub(crate) async fn forget_backfill(
        &self,
        lease: &Lease,
        id: &BackfillId,
    ) -> Result<(), StoreError> {
        let place = &self.server.place;
        let doing = async {
            let mut connection = self.fenced(lease).await?;
            for statement in FORGET_BACKFILL {
                let change = sqlx::query(statement).bind(id.as_str());
                change.execute(&mut connection).await.at(place)?;
            }
            let end = sqlx::raw_sql("COMMIT").execute(&mut connection).await;
            end.at(place).map(drop)
        };
        within(PATIENCE, place, doing).await
    }

    /// A connection in a transaction under the epoch of a lease. Without the end of it nothing is done.
    async fn fenced(&self, lease: &Lease) -> Result<PgConnection, StoreError> {
        if !lease.is_trusted() {
            return Err(StoreError::LeaseLost(lease.epoch()));
        }
        let place = &self.server.place;
        let mut connection = self.server.connect().await?;
        let begun = sqlx::raw_sql("BEGIN").execute(&mut connection).await;
        begun.at(place)?;
        let fence = sqlx::query(FENCE).bind(lease.epoch());
        match fence.fetch_optional(&mut connection).await.at(place)? {
            Some(_) => Ok(connection),
            None => Err(StoreError::Fenced(lease.epoch())),
        }
    }

    async fn with_keys(
        &self,
        found: &[PgRow],
        rows: u32,
        connection: &mut PgConnection,
    ) -> Result<Vec<OldRun>, StoreError> {
        let place = &self.server.place;
        let sizes = found.iter().map(|row| row.try_get(2).at(place));
        let sizes = sizes.collect::<Result<Vec<i64>, _>>()?;
        let sizes: Vec<u32> = sizes
            .into_iter()
            .map(|size| u32::try_from(size).unwrap_or(u32::MAX))
            .collect();
        let mut old = Vec::new();
        for row in &found[..fitting(&sizes, rows)] {
            old.push(self.old_run(row, connection).await?);
        }
        Ok(old)
    }

    /// Documents are read here and not by the server, which refuses to look into a text with \u0000.
    async fn old_run(
        &self,
        row: &PgRow,
        connection: &mut PgConnection,
    ) -> Result<OldRun, StoreError> {
        let place = &self.server.place;
        let (id, ended_at): (&str, &str) = (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
        let bodies: Vec<String> = sqlx::query_scalar(TASKS)
            .bind(id)
            .fetch_all(connection)
            .await
            .at(place)?;
        let mut keys: Vec<AttemptKey> = Vec::new();
        for body in &bodies {
            let task: TaskRun = document(body, "task run")?;
            keys.extend(task.attempts.into_iter().map(|attempt| attempt.key));
        }
        let (run, ended_at) = (id.parse(), ended_at.parse());
        Ok(OldRun {
            run: run.map_err(|error: NameError| corrupt(place, error.to_string()))?,
            ended_at: ended_at
                .map_err(|error: chrono::ParseError| corrupt(place, error.to_string()))?,
            keys,
        })
    }
}
