//! The inbox: what the command line asks of an engine. Written without the lease, by a connection of its own.

use noctule_core::ask::{Answer, Ask};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::connection::written_whole;
use super::said::On;
use crate::asks::AskId;
use crate::error::StoreError;
use crate::rows::{document, json};

const ASK: &str = "INSERT INTO asks (body) VALUES (?) RETURNING id";
const PENDING: &str =
    "SELECT id, body, answer FROM asks WHERE answer IS NULL ORDER BY id LIMIT 1000";
const RECENT: &str = "SELECT id, body, answer FROM asks ORDER BY id DESC LIMIT ?";
const ANSWER: &str = "SELECT answer FROM asks WHERE id = ?";

impl SqliteStore {
    /// Puts an ask into the inbox; it is durable when this returns.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<AskId, StoreError> {
        let body = json(ask, "ask")?;
        let mut inbox = self.inbox.take().await?;
        let insert = sqlx::query_scalar(ASK).bind(body);
        written_whole(insert.fetch_all(&mut *inbox).await)
            .map(AskId)
            .on(&self.path)
    }

    /// The asks that nobody has answered, oldest first, at most 1,000: the rest follows when these are answered.
    pub(crate) async fn pending_asks(&self) -> Result<Vec<(AskId, Ask)>, StoreError> {
        let rows = sqlx::query(PENDING)
            .fetch_all(&self.readers)
            .await
            .on(&self.path)?;
        rows.iter()
            .map(|row| self.read_ask(row).map(|(id, ask, _)| (id, ask)))
            .collect()
    }

    /// The latest asks with their answers, newest first.
    pub(crate) async fn recent_asks(
        &self,
        limit: u32,
    ) -> Result<Vec<(AskId, Ask, Option<Answer>)>, StoreError> {
        let rows = sqlx::query(RECENT)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .on(&self.path)?;
        rows.iter().map(|row| self.read_ask(row)).collect()
    }

    /// The answer to an ask, once there is one.
    pub(crate) async fn answer_of(&self, ask: AskId) -> Result<Option<Answer>, StoreError> {
        let found = sqlx::query_scalar(ANSWER)
            .bind(ask.0)
            .fetch_optional(&self.readers)
            .await;
        let answer: Option<Option<String>> = found.on(&self.path)?;
        answer
            .flatten()
            .map(|answer| document(&answer, "answer"))
            .transpose()
    }

    fn read_ask(&self, row: &SqliteRow) -> Result<(AskId, Ask, Option<Answer>), StoreError> {
        let path = &self.path;
        let (id, body): (i64, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
        let answer: Option<&str> = row.try_get(2).on(path)?;
        let answer = answer
            .map(|answer| document(answer, "answer"))
            .transpose()?;
        Ok((AskId(id), document(body, "ask")?, answer))
    }
}
