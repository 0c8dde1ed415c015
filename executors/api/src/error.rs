//! What a call to a backend can fail with. The variants say what the engine has to know: was the work surely not
//! started, or perhaps?

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ErrorClass;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ExecutorError {
    /// Surely not started, and asking again changes nothing.
    #[error("{message}")]
    Rejected {
        /// The class of the failed attempt.
        class: ErrorClass,
        /// What was tried on what, and what came back.
        message: String,
    },
    /// Surely not started (or not read); the backend asked to wait. Uses up no retry.
    #[error("{message}")]
    Throttled {
        /// How long the backend asked to wait.
        retry_after: Option<Duration>,
        /// What was tried on what, and what came back.
        message: String,
    },
    /// The work may have been started: the answer is lost.
    #[error("{message}")]
    Unknown {
        /// What was tried on what, and how the answer was lost.
        message: String,
    },
    /// The backend could not be asked. Says nothing about the work. From `launch`: surely not started, try again.
    #[error("{message}")]
    Unavailable {
        /// What was tried on what, and what came back.
        message: String,
        /// A person has to act (a right was taken away, the handle belongs to another project): shown loudly.
        alarm: bool,
    },
}

impl ExecutorError {
    /// A definite refusal.
    pub fn rejected(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::Rejected {
            class,
            message: message.into(),
        }
    }

    /// A lost answer.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown {
            message: message.into(),
        }
    }

    /// A backend that could not be asked this time.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            alarm: false,
        }
    }

    /// A backend that will not answer until a person acts.
    pub fn alarm(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            alarm: true,
        }
    }
}
