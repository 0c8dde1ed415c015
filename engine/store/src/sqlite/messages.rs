//! The outbox, read.

use noctule_core::word::{Message, MessageId};

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;
use crate::messages::MessageFilter;
use crate::rows::{document, json, written};

const LIVE: &str = "SELECT body FROM messages WHERE live ORDER BY id";
const ONE: &str = "SELECT body FROM messages WHERE id = ?";
const FIND: &str = "SELECT body FROM messages \
    WHERE (?1 = '[]' OR state IN (SELECT value FROM json_each(?1))) \
        AND (?2 IS NULL OR (created_at, id) < (?2, ?3)) \
    ORDER BY created_at DESC, id DESC LIMIT ?4";

impl SqliteStore {
    pub(crate) async fn live_messages(&self) -> Result<Vec<Message>, StoreError> {
        let query = sqlx::query_scalar(LIVE).fetch_all(&self.readers);
        let bodies: Vec<String> = query.await.on(&self.path)?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let query = sqlx::query_scalar(ONE).bind(&id.0);
        let body: Option<String> = query.fetch_optional(&self.readers).await.on(&self.path)?;
        body.map(|body| document(&body, "message")).transpose()
    }

    pub(crate) async fn find_messages(
        &self,
        filter: &MessageFilter,
    ) -> Result<Vec<Message>, StoreError> {
        let (at, id) = match &filter.before {
            Some((at, id)) => (Some(written(*at)), id.as_str()),
            None => (None, ""),
        };
        let query = sqlx::query_scalar(FIND)
            .bind(json(&filter.states, "states")?)
            .bind(at)
            .bind(id)
            .bind(filter.limit);
        let bodies: Vec<String> = query.fetch_all(&self.readers).await.on(&self.path)?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }
}
