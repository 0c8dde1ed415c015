//! The outbox as it is read: what an engine goes on with, and what people look at. It is written by commits alone.

use chrono::{DateTime, ParseError, Utc};
use noctule_core::word::{Message, MessageId};

use crate::error::StoreError;
use crate::store::{Store, either};

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFilter {
    /// In this state, by its word.
    pub state: Option<String>,
    /// Only those that a receiver did not take.
    pub failed: bool,
    /// Older than this one: when it was made, and its id.
    pub before: Option<(DateTime<Utc>, String)>,
    /// At most so many.
    pub limit: u32,
}

/// How many messages stand how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// More of the same cause may come.
    pub gathering: u64,
    /// To be sent.
    pub waiting: u64,
    /// Being sent.
    pub sending: u64,
    /// Their receivers did not have them.
    pub given_up: u64,
    /// When the oldest was made that is to be delivered, to the millisecond.
    pub oldest: Option<DateTime<Utc>>,
}

/// A row of counts: as many of each state as there are, up to a limit, and the oldest of what is to be delivered.
pub(crate) type Counted = (i64, i64, i64, i64, Option<String>);

impl MessageCounts {
    pub(crate) fn read(counted: Counted) -> Result<Self, ParseError> {
        let (gathering, waiting, sending, given_up, oldest) = counted;
        let read = |at: String| DateTime::parse_from_rfc3339(&at).map(|at| at.to_utc());
        Ok(Self {
            gathering: gathering.unsigned_abs(),
            waiting: waiting.unsigned_abs(),
            sending: sending.unsigned_abs(),
            given_up: given_up.unsigned_abs(),
            oldest: oldest.map(read).transpose()?,
        })
    }
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

    /// How many messages stand how; of each state up to `most` are counted, and no more are read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn count_messages(&self, most: u32) -> Result<MessageCounts, StoreError> {
        either!(self, backend => Box::pin(backend.count_messages(most)).await)
    }
}
