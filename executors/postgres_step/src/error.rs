//! What a statement can fail with, by the things that count: was it perhaps committed, and whose fault is it.
//!
//! No message holds a password, an address with one, or the value of a parameter's secret.

use std::time::Duration;

use thiserror::Error;

use noctule_executor::{ErrorClass, ExecutorError, Outcome};

use crate::sqlstate;

/// A failed statement, or a connection that did not come about.
#[derive(Debug, Clone, Error)]
pub(crate) enum PostgresError {
    /// The configuration or the connection's settings cannot work.
    #[error("{0}")]
    Config(String),
    /// A secret could not be had.
    #[error(transparent)]
    Secret(ExecutorError),
    /// No session came about: nothing was sent.
    #[error("{0}")]
    NotConnected(String),
    /// The server does not let us in, or there is no such database.
    #[error("{message}")]
    NotLetIn { class: ErrorClass, message: String },
    /// The server refused the statement: everything is rolled back.
    #[error("{message} (SQLSTATE {code})")]
    Refused {
        class: ErrorClass,
        code: String,
        message: String,
    },
    /// The statement ran for as long as it may: everything is rolled back.
    #[error("the statement was stopped by its timeout of {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The session ended before a COMMIT was sent: the server rolls back.
    #[error("the session ended before the commit, so nothing of it was kept: {0}")]
    Interrupted(String),
    /// The COMMIT was sent, and its answer did not arrive.
    #[error("the commit was sent and its answer is lost: {0}")]
    Lost(String),
}

impl PostgresError {
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }

    /// What the server said about a statement.
    pub(crate) fn of_server(error: &dyn sqlx::error::DatabaseError) -> Self {
        let code = error.code().unwrap_or_default().into_owned();
        Self::Refused {
            class: sqlstate::class(&code),
            message: error.message().to_owned(),
            code,
        }
    }

    /// The class of the failure, when it is one that trying again does not mend, or that is judged as work.
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Config(_) => ErrorClass::Config,
            Self::Secret(ExecutorError::Rejected { class, .. })
            | Self::NotLetIn { class, .. }
            | Self::Refused { class, .. } => *class,
            Self::TimedOut(_) => ErrorClass::TimedOut,
            Self::Lost(_) => ErrorClass::Unknown,
            Self::Secret(_) | Self::NotConnected(_) | Self::Interrupted(_) => {
                ErrorClass::Infrastructure
            }
        }
    }

    /// What a launch says.
    pub(crate) fn of_launch(self) -> ExecutorError {
        let (class, message) = (self.class(), self.to_string());
        match self {
            Self::Secret(error) => error,
            Self::NotConnected(_) => ExecutorError::unavailable(message),
            Self::Lost(_) => ExecutorError::unknown(message),
            _ => ExecutorError::rejected(class, message),
        }
    }

    /// What a question about work says: never a verdict.
    pub(crate) fn of_poll(self) -> ExecutorError {
        let message = self.to_string();
        if self.needs_a_person() {
            return ExecutorError::alarm(message);
        }
        match self {
            Self::Secret(error @ ExecutorError::Unavailable { .. }) => error,
            _ => ExecutorError::unavailable(message),
        }
    }

    /// What a sensor's question says: a question that is wrong ends the sensor, everything else says nothing.
    pub(crate) fn of_sensor(self) -> Result<Outcome, ExecutorError> {
        match self.class() {
            class @ (ErrorClass::Config | ErrorClass::NotFound | ErrorClass::User) => {
                Ok(Outcome::failed(class, self.to_string(), None))
            }
            _ => Err(self.of_poll()),
        }
    }

    fn needs_a_person(&self) -> bool {
        matches!(
            self.class(),
            ErrorClass::Config | ErrorClass::NotFound | ErrorClass::Permission | ErrorClass::User
        )
    }
}

/// The innermost cause of an error, which says what happened.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
