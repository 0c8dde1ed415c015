//! Tokens, sessions, and what was asked by whom. Written without the lease, whether or not an engine holds the store.
//!
//! Guarantees: what is written is durable when a verb returns; a token that was revoked is so for every reader from then on;
//! of a secret only its hash is here.

use chrono::{DateTime, Utc};
use noctule_core::access::{Role, Scope};
use noctule_core::run::Actor;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::secret::SecretHash;
use crate::store::{Store, either};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// By which name it is known, in audit events too.
    pub name: String,
    /// What it may.
    pub role: Role,
    /// The DAGs that it is limited to.
    pub scope: Scope,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: Actor,
    /// Until when it counts; none: until it is revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

/// That a token was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Actor,
}

/// A token as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// A short name of its hash.
    pub id: String,
    /// What it is.
    pub grant: Grant,
    /// It was taken back.
    pub revoked: Option<Revocation>,
    /// When it was last used, to the hour or so.
    pub last_used: Option<DateTime<Utc>>,
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// The DAGs that they are limited to.
    pub scope: Scope,
    /// Who let them in: the provider of logins, and as whom this server is known there.
    #[serde(default)]
    pub provider: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// The number of an audit event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuditId(pub i64);

/// That somebody asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// From which address; none: on the machine of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What, by the name of its operation.
    pub act: String,
    /// On what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

/// An audit event, with what came of it: none while it is being done, or where nobody lived to say.
pub type Audited = (AuditId, AuditEvent, Option<String>);

impl Token {
    /// Whether it counts at a time.
    #[must_use]
    pub fn counts_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked.is_none() && !self.is_past(now)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_past(&self, now: DateTime<Utc>) -> bool {
        self.grant.expires_at.is_some_and(|end| end <= now)
    }
}

impl Store {
    /// Makes a token known. False: another one of this name counts, or did until it expired, and was not revoked.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn create_token(&self, hash: &SecretHash, grant: &Grant) -> Result<bool, StoreError> {
        either!(self, backend => Box::pin(backend.create_token(hash, grant)).await)
    }

    /// Every token, also those that count no more, newest first; at most 10,000.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let mut tokens = either!(self, backend => Box::pin(backend.tokens()).await)?;
        tokens.sort_by(|a, b| {
            let newest_first = b.grant.created_at.cmp(&a.grant.created_at);
            newest_first.then_with(|| a.id.cmp(&b.id))
        });
        Ok(tokens)
    }

    /// The token of a secret, as it stands now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn token_of(&self, hash: &SecretHash) -> Result<Option<Token>, StoreError> {
        either!(self, backend => Box::pin(backend.token_of(hash)).await)
    }

    /// Takes a token back, by the short name of its hash; what was said first stays. False: there is none.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn revoke_token(
        &self,
        id: &str,
        revocation: &Revocation,
    ) -> Result<bool, StoreError> {
        either!(self, backend => Box::pin(backend.revoke_token(id, revocation)).await)
    }

    /// Notes that a token is used.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn touch_token(
        &self,
        hash: &SecretHash,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.touch_token(hash, at)).await)
    }

    /// Begins a session, and forgets those that are over.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn open_session(
        &self,
        hash: &SecretHash,
        session: &Session,
    ) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.open_session(hash, session)).await)
    }

    /// The session of a secret, if it is not over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session_of(
        &self,
        hash: &SecretHash,
        now: DateTime<Utc>,
    ) -> Result<Option<Session>, StoreError> {
        let session = either!(self, backend => Box::pin(backend.session_of(hash)).await)?;
        Ok(session.filter(|session| session.expires_at > now))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn close_session(&self, hash: &SecretHash) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.close_session(hash)).await)
    }

    /// Every session that is not over, newest first, each with the short name of its hash; at most 10,000.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions(&self, now: DateTime<Utc>) -> Result<Vec<(String, Session)>, StoreError> {
        let mut all = either!(self, backend => Box::pin(backend.sessions()).await)?;
        all.retain(|(_, session)| session.expires_at > now);
        all.sort_by(|(a, one), (b, other)| {
            let newest_first = other.created_at.cmp(&one.created_at);
            newest_first.then_with(|| a.cmp(b))
        });
        Ok(all)
    }

    /// Ends a session, by the short name of its hash. False: there is none.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end_session(&self, id: &str) -> Result<bool, StoreError> {
        either!(self, backend => Box::pin(backend.end_session(id)).await)
    }

    /// Writes down what somebody asks for, before it is done.
    ///
    /// # Errors
    /// The store cannot be written: then it is not done either.
    pub async fn begin_audit(&self, event: &AuditEvent) -> Result<AuditId, StoreError> {
        either!(self, backend => Box::pin(backend.begin_audit(event)).await)
    }

    /// Writes down what came of it; what was said first stays.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end_audit(&self, id: AuditId, outcome: &str) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.end_audit(id, outcome)).await)
    }

    /// Audit events, newest first, before one of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit(
        &self,
        before: Option<AuditId>,
        limit: u32,
    ) -> Result<Vec<Audited>, StoreError> {
        let before = before.map_or(i64::MAX, |id| id.0);
        either!(self, backend => Box::pin(backend.audit(before, limit)).await)
    }
}
