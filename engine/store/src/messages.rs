//! The outbox as it is read: what an engine goes on with, and what people look at. It is written by commits alone.

use noctule_core::word::{Message, MessageId};

use crate::error::StoreError;
use crate::store::{Store, either};

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFilter {
    /// In one of these states, by their words; empty: in any.
    pub states: Vec<String>,
    /// Older than this one: when it was made, and its id.
    pub before: Option<(chrono::DateTime<chrono::Utc>, String)>,
    /// At most so many.
    pub limit: u32,
}

impl Store {
    /// Every message that an engine has to remember.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn live_messages(&self) -> Result<Vec<Message>, StoreError> {
        either!(self, backend => Box::pin(backend.live_messages()).await)
    }

    /// One message.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        either!(self, backend => Box::pin(backend.message(id)).await)
    }

    /// Messages that fit a filter, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, StoreError> {
        either!(self, backend => Box::pin(backend.find_messages(filter)).await)
    }
}
