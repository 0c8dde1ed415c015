//! Tokens, sessions and audit events in a file. Written by the connection of the inbox, read like everything else.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::connection::written_whole;
use super::said::{self, On};
use crate::access::{AuditEvent, AuditId, Audited, Grant, Revocation, Session, Token};
use crate::error::StoreError;
use crate::rows::{document, json, written};
use crate::secret::SecretHash;

const CREATE: &str = "INSERT INTO tokens (hash, name, body) SELECT ?1, ?2, ?3 \
    WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE name = ?2 AND revoked IS NULL)";
const TOKENS: &str = "SELECT hash, body, revoked, last_used FROM tokens LIMIT 10000";
const TOKEN: &str = "SELECT hash, body, revoked, last_used FROM tokens WHERE hash = ?";
const REVOKE: &str =
    "UPDATE tokens SET revoked = coalesce(revoked, ?2) WHERE substr(hash, 1, 12) = ?1";
const TOUCH: &str = "UPDATE tokens SET last_used = ?2 WHERE hash = ?1";
const OVER: &str = "DELETE FROM sessions WHERE expires_at < ?";
const OPEN: &str = "INSERT INTO sessions (hash, body, expires_at) VALUES (?, ?, ?)";
const SESSION: &str = "SELECT body FROM sessions WHERE hash = ?";
const CLOSE: &str = "DELETE FROM sessions WHERE hash = ?";
const SESSIONS: &str = "SELECT hash, body FROM sessions LIMIT 10000";
const END_SESSION: &str = "DELETE FROM sessions WHERE substr(hash, 1, 12) = ?";
const BEGIN: &str = "INSERT INTO audit (body) VALUES (?) RETURNING id";
const END: &str = "UPDATE audit SET outcome = coalesce(outcome, ?2) WHERE id = ?1";
const AUDIT: &str = "SELECT id, body, outcome FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?";

impl SqliteStore {
    pub(crate) async fn create_token(
        &self,
        hash: &SecretHash,
        grant: &Grant,
    ) -> Result<bool, StoreError> {
        let body = json(grant, "token")?;
        self.change(
            sqlx::query(CREATE)
                .bind(&hash.0)
                .bind(&grant.name)
                .bind(body),
        )
        .await
        .map(|rows| rows == 1)
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query(TOKENS).fetch_all(&self.readers).await;
        let rows = rows.on(&self.path)?;
        rows.iter().map(|row| self.read_token(row)).collect()
    }

    pub(crate) async fn token_of(&self, hash: &SecretHash) -> Result<Option<Token>, StoreError> {
        let query = sqlx::query(TOKEN).bind(&hash.0);
        let row = query.fetch_optional(&self.readers).await.on(&self.path)?;
        row.map(|row| self.read_token(&row)).transpose()
    }

    pub(crate) async fn revoke_token(
        &self,
        id: &str,
        revocation: &Revocation,
    ) -> Result<bool, StoreError> {
        let revocation = json(revocation, "revocation")?;
        let rows = self.change(sqlx::query(REVOKE).bind(id).bind(revocation));
        Ok(rows.await? > 0)
    }

    pub(crate) async fn touch_token(
        &self,
        hash: &SecretHash,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let touch = sqlx::query(TOUCH).bind(&hash.0).bind(written(at));
        self.change(touch).await.map(drop)
    }

    pub(crate) async fn open_session(
        &self,
        hash: &SecretHash,
        session: &Session,
    ) -> Result<(), StoreError> {
        let over = sqlx::query(OVER).bind(written(session.created_at));
        self.change(over).await?;
        let open = sqlx::query(OPEN)
            .bind(&hash.0)
            .bind(json(session, "session")?)
            .bind(written(session.expires_at));
        self.change(open).await.map(drop)
    }

    pub(crate) async fn session_of(
        &self,
        hash: &SecretHash,
    ) -> Result<Option<Session>, StoreError> {
        let query = sqlx::query_scalar(SESSION).bind(&hash.0);
        let body: Option<String> = query.fetch_optional(&self.readers).await.on(&self.path)?;
        body.map(|body| document(&body, "session")).transpose()
    }

    pub(crate) async fn close_session(&self, hash: &SecretHash) -> Result<(), StoreError> {
        self.change(sqlx::query(CLOSE).bind(&hash.0))
            .await
            .map(drop)
    }

    pub(crate) async fn sessions(&self) -> Result<Vec<(String, Session)>, StoreError> {
        let path = &self.path;
        let rows = sqlx::query(SESSIONS).fetch_all(&self.readers).await;
        let read = |row: &SqliteRow| {
            let (hash, body): (String, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
            Ok((SecretHash(hash).short(), document(body, "session")?))
        };
        rows.on(path)?.iter().map(read).collect()
    }

    pub(crate) async fn end_session(&self, id: &str) -> Result<bool, StoreError> {
        let ended = self.change(sqlx::query(END_SESSION).bind(id)).await?;
        Ok(ended > 0)
    }

    pub(crate) async fn begin_audit(&self, event: &AuditEvent) -> Result<AuditId, StoreError> {
        let body = json(event, "audit event")?;
        let mut inbox = self.inbox.take().await?;
        let insert = sqlx::query_scalar(BEGIN).bind(body);
        written_whole(insert.fetch_all(&mut *inbox).await)
            .map(AuditId)
            .on(&self.path)
    }

    pub(crate) async fn end_audit(&self, id: AuditId, outcome: &str) -> Result<(), StoreError> {
        let end = sqlx::query(END).bind(id.0).bind(outcome);
        self.change(end).await.map(drop)
    }

    pub(crate) async fn audit(&self, before: i64, limit: u32) -> Result<Vec<Audited>, StoreError> {
        let path = &self.path;
        let query = sqlx::query(AUDIT).bind(before).bind(limit);
        let rows = query.fetch_all(&self.readers).await.on(path)?;
        let read = |row: &SqliteRow| {
            let (id, body): (i64, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
            let event = document(body, "audit event")?;
            Ok((AuditId(id), event, row.try_get(2).on(path)?))
        };
        rows.iter().map(read).collect()
    }

    /// Writes by the inbox; tells how many rows were touched.
    async fn change(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<u64, StoreError> {
        let mut inbox = self.inbox.take().await?;
        let done = query.execute(&mut *inbox).await.on(&self.path)?;
        Ok(done.rows_affected())
    }

    fn read_token(&self, row: &SqliteRow) -> Result<Token, StoreError> {
        let path = &self.path;
        let hash: String = row.try_get(0).on(path)?;
        let (body, revoked): (&str, Option<&str>) =
            (row.try_get(1).on(path)?, row.try_get(2).on(path)?);
        let last_used: Option<&str> = row.try_get(3).on(path)?;
        let unreadable = |error: chrono::ParseError| said::corrupt(path, error.to_string());
        Ok(Token {
            id: SecretHash(hash).short(),
            grant: document(body, "token")?,
            revoked: revoked
                .map(|text| document(text, "revocation"))
                .transpose()?,
            last_used: last_used
                .map(|at| at.parse().map_err(unreadable))
                .transpose()?,
        })
    }
}
