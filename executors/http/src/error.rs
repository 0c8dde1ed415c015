//! What a call can fail with, by the one thing that counts: was the request perhaps received?

use thiserror::Error;

use noctule_executor::{ErrorClass, ExecutorError};

/// A failed call. No message holds a query, a header or a body.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    /// The request cannot be made at all.
    #[error("{0}")]
    Invalid(String),
    /// A secret or a token could not be had.
    #[error(transparent)]
    Credentials(#[from] ExecutorError),
    /// No connection came about.
    #[error("{call}: could not connect: {cause}")]
    NotSent { call: String, cause: String },
    /// The request may have been received; its answer did not arrive as a whole.
    #[error("{call}: {cause}")]
    Lost { call: String, cause: String },
}

impl HttpError {
    /// What a launch says.
    pub(crate) fn of_launch(self) -> ExecutorError {
        let message = self.to_string();
        match self {
            Self::Invalid(_) => ExecutorError::rejected(ErrorClass::Config, message),
            Self::Credentials(error) => error,
            Self::NotSent { .. } => ExecutorError::unavailable(message),
            Self::Lost { .. } => ExecutorError::unknown(message),
        }
    }

    /// What a poll says: nothing about the work.
    pub(crate) fn of_poll(self) -> ExecutorError {
        let message = self.to_string();
        match self {
            Self::Invalid(_) => ExecutorError::alarm(message),
            Self::Credentials(ExecutorError::Rejected { message, .. }) => {
                ExecutorError::alarm(message)
            }
            Self::Credentials(error) => error,
            Self::NotSent { .. } | Self::Lost { .. } => ExecutorError::unavailable(message),
        }
    }
}

/// The innermost cause of an error, which says what happened; the outer ones name addresses.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
