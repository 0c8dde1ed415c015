//! The outbox, read.

use noctule_core::word::{Message, MessageId};

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::error::StoreError;
use crate::messages::MessageFilter;
use crate::rows::{document, written};

const LIVE: &str = "SELECT body FROM noctule.messages WHERE live ORDER BY id";
const ONE: &str = "SELECT body FROM noctule.messages WHERE id = $1";
const FIND: &str = "SELECT body FROM noctule.messages \
    WHERE (cardinality($1::text[]) = 0 OR state = ANY ($1)) \
        AND ($2::text IS NULL OR (created_at, id) < ($2, $3)) \
    ORDER BY created_at DESC, id DESC LIMIT $4";

impl PostgresStore {
    pub(crate) async fn live_messages(&self) -> Result<Vec<Message>, StoreError> {
        let bodies: Vec<String> = steadily!(self, connection => {
            sqlx::query_scalar(LIVE).fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }

    pub(crate) async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(ONE).bind(&id.0);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
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
        let bodies: Vec<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(FIND)
                .bind(&filter.states)
                .bind(at.as_deref())
                .bind(id)
                .bind(i64::from(filter.limit));
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        bodies
            .iter()
            .map(|body| document(body, "message"))
            .collect()
    }
}
