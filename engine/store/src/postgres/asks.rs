//! The inbox, and whether anything changed.

use std::sync::atomic::{AtomicU64, Ordering};

use noctule_core::ask::{Answer, Ask};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::asks::AskId;
use crate::error::StoreError;
use crate::rows::{document, json};

/// The same name twice is the same ask. What is acknowledged is durable, whatever the settings of the role.
const ASK: &str = "\
    WITH counted AS (UPDATE noctule.inbox SET asks = asks + 1 \
        WHERE current_setting('synchronous_commit') <> 'off' \
            OR set_config('synchronous_commit', 'on', true) IS NOT NULL RETURNING 1) \
    INSERT INTO noctule.asks (name, body) SELECT $1, $2 FROM counted \
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id";
const PENDING: &str =
    "SELECT id, body, answer FROM noctule.asks WHERE answer IS NULL ORDER BY id LIMIT 1000";
const RECENT: &str = "SELECT id, body, answer FROM noctule.asks ORDER BY id DESC LIMIT $1";
const ANSWER: &str = "SELECT answer FROM noctule.asks WHERE id = $1";
/// None of them ever falls.
const TOKEN: &str =
    "SELECT store.commits + store.epoch + inbox.asks FROM noctule.store, noctule.inbox";

type Row3 = (AskId, Ask, Option<Answer>);

impl PostgresStore {
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<AskId, StoreError> {
        let (name, body) = (name(), json(ask, "ask")?);
        let id = steadily!(self, connection => {
            let query = sqlx::query_scalar(ASK).bind(&name).bind(&body);
            query.fetch_one(connection).await.at(&self.server.place)
        })?;
        Ok(AskId(id))
    }

    pub(crate) async fn pending_asks(&self) -> Result<Vec<(AskId, Ask)>, StoreError> {
        let rows = steadily!(self, connection => {
            sqlx::query(PENDING).fetch_all(connection).await.at(&self.server.place)
        })?;
        rows.iter()
            .map(|row| self.read_ask(row).map(|(id, ask, _)| (id, ask)))
            .collect()
    }

    pub(crate) async fn recent_asks(&self, limit: u32) -> Result<Vec<Row3>, StoreError> {
        let rows = steadily!(self, connection => {
            let query = sqlx::query(RECENT).bind(i64::from(limit));
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        rows.iter().map(|row| self.read_ask(row)).collect()
    }

    pub(crate) async fn answer_of(&self, ask: AskId) -> Result<Option<Answer>, StoreError> {
        let answer: Option<Option<String>> = steadily!(self, connection => {
            let query = sqlx::query_scalar(ANSWER).bind(ask.0);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        let answer = answer.flatten();
        answer.map(|answer| document(&answer, "answer")).transpose()
    }

    pub(crate) async fn change_token(&self) -> Result<i64, StoreError> {
        steadily!(self, connection => {
            sqlx::query_scalar(TOKEN).fetch_one(connection).await.at(&self.server.place)
        })
    }

    fn read_ask(&self, row: &PgRow) -> Result<Row3, StoreError> {
        let place = &self.server.place;
        let (id, body): (i64, &str) = (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
        let answer: Option<&str> = row.try_get(2).at(place)?;
        let answer = answer
            .map(|answer| document(answer, "answer"))
            .transpose()?;
        Ok((AskId(id), document(body, "ask")?, answer))
    }
}

/// A name that nobody else gives: of the process, the moment, a count, and chance.
pub(super) fn name() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let moment = since.map_or(0, |since| since.as_nanos());
    let chance = RandomState::new().build_hasher().finish();
    format!(
        "{:x}-{moment:x}-{count:x}-{chance:016x}",
        std::process::id()
    )
}
