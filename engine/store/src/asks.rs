//! The inbox: what the command line asks of an engine. Written without the lease, by a connection of its own.

use noctule_core::ask::{Answer, Ask};
use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// The number of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub i64);

impl Store {
    /// Puts an ask into the inbox; it is durable when this returns.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn ask(&self, ask: &Ask) -> Result<AskId, StoreError> {
        let body = serde_json::to_string(ask).map_err(StoreError::document("ask"))?;
        let mut inbox = self.0.inbox.lock().await;
        let insert = "INSERT INTO asks (body) VALUES (?) RETURNING id";
        Ok(AskId(
            sqlx::query_scalar(insert)
                .bind(body)
                .fetch_one(&mut *inbox)
                .await?,
        ))
    }

    /// The asks that nobody has answered, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn pending_asks(&self) -> Result<Vec<(AskId, Ask)>, StoreError> {
        let rows =
            sqlx::query("SELECT id, body FROM asks WHERE answer IS NULL ORDER BY id LIMIT 1000");
        let rows = rows.fetch_all(&self.0.readers).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let body: String = row.try_get(1)?;
            let ask = serde_json::from_str(&body).map_err(StoreError::document("ask"))?;
            Ok((AskId(row.try_get(0)?), ask))
        };
        rows.iter().map(read).collect()
    }

    /// The answer to an ask, once there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn answer_of(&self, ask: AskId) -> Result<Option<Answer>, StoreError> {
        let answer: Option<Option<String>> =
            sqlx::query_scalar("SELECT answer FROM asks WHERE id = ?")
                .bind(ask.0)
                .fetch_optional(&self.0.readers)
                .await?;
        let answer = answer.flatten().map(|answer| serde_json::from_str(&answer));
        answer.transpose().map_err(StoreError::document("answer"))
    }
}
