//! The inbox: what the command line asks of an engine. Written without the lease.

use noctule_core::ask::{Answer, Ask};

use crate::error::StoreError;
use crate::store::{Store, either};

/// The number of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AskId(pub i64);

impl Store {
    /// Puts an ask into the inbox; it is durable when this returns.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn ask(&self, ask: &Ask) -> Result<AskId, StoreError> {
        either!(self, backend => Box::pin(backend.ask(ask)).await)
    }

    /// The asks that nobody has answered, oldest first, at most 1,000: the rest follows when these are answered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn pending_asks(&self) -> Result<Vec<(AskId, Ask)>, StoreError> {
        either!(self, backend => Box::pin(backend.pending_asks()).await)
    }

    /// The latest asks with their answers, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn recent_asks(
        &self,
        limit: u32,
    ) -> Result<Vec<(AskId, Ask, Option<Answer>)>, StoreError> {
        either!(self, backend => Box::pin(backend.recent_asks(limit)).await)
    }

    /// The answer to an ask, once there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn answer_of(&self, ask: AskId) -> Result<Option<Answer>, StoreError> {
        either!(self, backend => Box::pin(backend.answer_of(ask)).await)
    }
}
