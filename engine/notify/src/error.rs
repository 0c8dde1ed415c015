//! Why a message was not taken, and whether it may be later.

use std::time::Duration;

use noctule_core::word::Undelivered;
use noctule_executor::ExecutorError;
use thiserror::Error;

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// The project names no such receiver.
    #[error("the project has no receiver `{0}`")]
    NoReceiver(String),
    /// An address cannot be used.
    #[error("{0}")]
    Address(String),
    /// A secret cannot be read now.
    #[error("{0}")]
    Secret(String),
    /// The message cannot be made for this receiver.
    #[error("the message cannot be made: {0}")]
    Unmade(String),
    /// Nobody took it, or nobody can tell.
    #[error("{0}")]
    Unreached(String),
    /// The receiver asks to try later.
    #[error("the receiver answered {status}")]
    Busy {
        /// What it answered.
        status: u16,
        /// When to try again at the earliest.
        after: Option<Duration>,
    },
    /// The receiver will never take it.
    #[error("the receiver answered {0}: it will not take this message")]
    Refused(String),
}

impl NotifyError {
    pub(crate) fn secret(error: &ExecutorError) -> Self {
        Self::Secret(error.to_string())
    }

    /// What the outbox makes of it. Where a setting is wrong the message waits for a better one.
    #[must_use]
    pub fn undelivered(self) -> Undelivered {
        let error = self.to_string();
        match self {
            Self::Refused(_) | Self::Unmade(_) => Undelivered::Never { error },
            Self::Busy { after, .. } => Undelivered::Later { error, after },
            _ => Undelivered::Later { error, after: None },
        }
    }
}
