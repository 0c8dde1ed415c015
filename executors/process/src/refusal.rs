//! What a failure means to the engine: surely not started, perhaps, or nothing said.

use noctule_executor::{ErrorClass, ExecutorError};

use crate::error::Error;
use crate::protocol::{Refusal, RefusalKind, Say};

pub(crate) fn unavailable(error: &Error) -> ExecutorError {
    match error {
        Error::Disagreed(_) => ExecutorError::alarm(error.full()),
        _ => ExecutorError::unavailable(error.full()),
    }
}

pub(crate) fn elsewhere(host: &str) -> ExecutorError {
    ExecutorError::unavailable(format!(
        "the command belongs to host {host}: nothing can be said of it from here"
    ))
}

/// The record was claimed and never written: whether the command ran is not known, and will not be.
pub(crate) fn never_known(key: &str) -> ExecutorError {
    ExecutorError::rejected(
        ErrorClass::Unknown,
        format!("a supervisor ended while it started {key}: it may have run"),
    )
}

pub(crate) fn refused(refusal: Refusal) -> ExecutorError {
    let message = refusal.message;
    match refusal.kind {
        RefusalKind::Config => ExecutorError::rejected(ErrorClass::Config, message),
        RefusalKind::Busy => ExecutorError::Throttled {
            retry_after: None,
            message,
        },
        RefusalKind::Unavailable => ExecutorError::unavailable(message),
        RefusalKind::Unknown => ExecutorError::unknown(message),
        RefusalKind::Disagreed => ExecutorError::alarm(message),
    }
}

pub(crate) fn misunderstood(say: Say) -> ExecutorError {
    match say {
        Say::Refused(refusal) => refused(refusal),
        _ => ExecutorError::unknown("the supervisor answered another question than it was asked"),
    }
}
