//! Tokens, sessions and audit events in a database. Each write may be sent again where its answer was lost: twice is once.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use super::PostgresStore;
use super::asks::name;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::access::{AuditEvent, AuditId, Audited, Grant, Revocation, Session, Token};
use crate::error::StoreError;
use crate::rows::{document, json, written};
use crate::secret::SecretHash;

/// What is acknowledged is durable, whatever the settings of the role.
macro_rules! durable {
    ($statement:literal) => {
        concat!(
            "WITH durable AS (SELECT 1 WHERE current_setting('synchronous_commit') <> 'off' \
                OR set_config('synchronous_commit', 'on', true) IS NOT NULL) ",
            $statement
        )
    };
}

const CREATE: &str = durable!(
    "INSERT INTO noctule.tokens (hash, name, body) SELECT $1, $2, $3 FROM durable \
        WHERE NOT EXISTS (SELECT FROM noctule.tokens WHERE name = $2 AND revoked IS NULL AND hash <> $1) \
        ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash"
);
const TOKENS: &str = "SELECT hash, body, revoked, last_used FROM noctule.tokens LIMIT 10000";
const TOKEN: &str = "SELECT hash, body, revoked, last_used FROM noctule.tokens WHERE hash = $1";
const REVOKE: &str = durable!(
    "UPDATE noctule.tokens SET revoked = coalesce(revoked, $2) FROM durable WHERE left(hash, 12) = $1"
);
const TOUCH: &str = "UPDATE noctule.tokens SET last_used = $2 WHERE hash = $1";
const OVER: &str = "DELETE FROM noctule.sessions WHERE expires_at < $1";
const OPEN: &str = "INSERT INTO noctule.sessions (hash, body, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const SESSION: &str = "SELECT body FROM noctule.sessions WHERE hash = $1";
const CLOSE: &str = durable!("DELETE FROM noctule.sessions USING durable WHERE hash = $1");
const SESSIONS: &str = "SELECT hash, body FROM noctule.sessions LIMIT 10000";
const END_SESSION: &str =
    durable!("DELETE FROM noctule.sessions USING durable WHERE left(hash, 12) = $1");
const BEGIN: &str = durable!(
    "INSERT INTO noctule.audit (name, body) SELECT $1, $2 FROM durable \
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"
);
const END: &str = "UPDATE noctule.audit SET outcome = coalesce(outcome, $2) WHERE id = $1";
const AUDIT: &str =
    "SELECT id, body, outcome FROM noctule.audit WHERE id < $1 ORDER BY id DESC LIMIT $2";

impl PostgresStore {
    pub(crate) async fn create_token(
        &self,
        hash: &SecretHash,
        grant: &Grant,
    ) -> Result<bool, StoreError> {
        let body = json(grant, "token")?;
        let create = || {
            sqlx::query(CREATE)
                .bind(&hash.0)
                .bind(&grant.name)
                .bind(&body)
        };
        Ok(self.change(create).await? == 1)
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows = steadily!(self, connection => {
            sqlx::query(TOKENS).fetch_all(connection).await.at(&self.server.place)
        })?;
        rows.iter().map(|row| self.read_token(row)).collect()
    }

    pub(crate) async fn token_of(&self, hash: &SecretHash) -> Result<Option<Token>, StoreError> {
        let row = steadily!(self, connection => {
            let query = sqlx::query(TOKEN).bind(&hash.0);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        row.map(|row| self.read_token(&row)).transpose()
    }

    pub(crate) async fn revoke_token(
        &self,
        id: &str,
        revocation: &Revocation,
    ) -> Result<bool, StoreError> {
        let revocation = json(revocation, "revocation")?;
        let revoke = || sqlx::query(REVOKE).bind(id).bind(&revocation);
        Ok(self.change(revoke).await? > 0)
    }

    pub(crate) async fn touch_token(
        &self,
        hash: &SecretHash,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let touch = || sqlx::query(TOUCH).bind(&hash.0).bind(written(at));
        self.change(touch).await.map(drop)
    }

    pub(crate) async fn open_session(
        &self,
        hash: &SecretHash,
        session: &Session,
    ) -> Result<(), StoreError> {
        let over = || sqlx::query(OVER).bind(written(session.created_at));
        self.change(over).await?;
        let body = json(session, "session")?;
        let open = || {
            sqlx::query(OPEN)
                .bind(&hash.0)
                .bind(&body)
                .bind(written(session.expires_at))
        };
        self.change(open).await.map(drop)
    }

    pub(crate) async fn session_of(
        &self,
        hash: &SecretHash,
    ) -> Result<Option<Session>, StoreError> {
        let body: Option<String> = steadily!(self, connection => {
            let query = sqlx::query_scalar(SESSION).bind(&hash.0);
            query.fetch_optional(connection).await.at(&self.server.place)
        })?;
        body.map(|body| document(&body, "session")).transpose()
    }

    pub(crate) async fn close_session(&self, hash: &SecretHash) -> Result<(), StoreError> {
        let close = || sqlx::query(CLOSE).bind(&hash.0);
        self.change(close).await.map(drop)
    }

    pub(crate) async fn sessions(&self) -> Result<Vec<(String, Session)>, StoreError> {
        let place = &self.server.place;
        let rows = steadily!(self, connection => {
            sqlx::query(SESSIONS).fetch_all(connection).await.at(place)
        })?;
        let read = |row: &PgRow| {
            let (hash, body): (String, &str) =
                (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
            Ok((SecretHash(hash).short(), document(body, "session")?))
        };
        rows.iter().map(read).collect()
    }

    pub(crate) async fn end_session(&self, id: &str) -> Result<bool, StoreError> {
        // Where the answer to a first try was lost, a second one finds nothing: then it is not there any more.
        let end = || sqlx::query(END_SESSION).bind(id);
        Ok(self.change(end).await? > 0)
    }

    pub(crate) async fn begin_audit(&self, event: &AuditEvent) -> Result<AuditId, StoreError> {
        let (name, body) = (name(), json(event, "audit event")?);
        let id = steadily!(self, connection => {
            let query = sqlx::query_scalar(BEGIN).bind(&name).bind(&body);
            query.fetch_one(connection).await.at(&self.server.place)
        })?;
        Ok(AuditId(id))
    }

    pub(crate) async fn end_audit(&self, id: AuditId, outcome: &str) -> Result<(), StoreError> {
        let end = || sqlx::query(END).bind(id.0).bind(outcome);
        self.change(end).await.map(drop)
    }

    pub(crate) async fn audit(&self, before: i64, limit: u32) -> Result<Vec<Audited>, StoreError> {
        let place = &self.server.place;
        let rows = steadily!(self, connection => {
            let query = sqlx::query(AUDIT).bind(before).bind(i64::from(limit));
            query.fetch_all(connection).await.at(place)
        })?;
        let read = |row: &PgRow| {
            let (id, body): (i64, &str) = (row.try_get(0).at(place)?, row.try_get(1).at(place)?);
            let event = document(body, "audit event")?;
            Ok((AuditId(id), event, row.try_get(2).at(place)?))
        };
        rows.iter().map(read).collect()
    }

    /// Writes, again where the answer was lost; tells how many rows were touched.
    async fn change<'q>(
        &self,
        query: impl Fn() -> Query<'q, sqlx::Postgres, PgArguments>,
    ) -> Result<u64, StoreError> {
        let done = steadily!(self, connection => {
            query().execute(connection).await.at(&self.server.place)
        })?;
        Ok(done.rows_affected())
    }

    fn read_token(&self, row: &PgRow) -> Result<Token, StoreError> {
        let place = &self.server.place;
        let hash: String = row.try_get(0).at(place)?;
        let (body, revoked): (&str, Option<&str>) =
            (row.try_get(1).at(place)?, row.try_get(2).at(place)?);
        let last_used: Option<&str> = row.try_get(3).at(place)?;
        let unreadable = |error: chrono::ParseError| corrupt(place, error.to_string());
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
