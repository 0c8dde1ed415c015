//! How a call can fail, and what that says to the engine.
//!
//! Guarantees: a launch is called surely-not-started only where nothing was sent or Google refused it; everything
//! else is unknown. A failed read is never a verdict.
//! Facts: the error tables of the v2 API; 4xx are decided before anything is created.

use noctule_executor::{ErrorClass, ExecutorError};
use thiserror::Error;

use crate::refusal::Refusal;

/// What a call does, and the permission that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Launch,
    GetExecution,
    ListExecutions,
    CancelExecution,
    ListTasks,
    GetJob,
    TestPermissions,
    ReadLogs,
    AccessSecret,
}

impl Verb {
    /// Every call of the executor; reading a secret is none of its.
    pub(crate) const ALL: [Self; 8] = [
        Self::Launch,
        Self::GetExecution,
        Self::ListExecutions,
        Self::CancelExecution,
        Self::ListTasks,
        Self::GetJob,
        Self::TestPermissions,
        Self::ReadLogs,
    ];

    /// The permission, as IAM names it. Overriding needs more than `run.jobs.run`.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Launch => "run.jobs.runWithOverrides",
            Self::GetExecution => "run.executions.get",
            Self::ListExecutions => "run.executions.list",
            Self::CancelExecution => "run.executions.cancel",
            Self::ListTasks => "run.tasks.list",
            Self::GetJob | Self::TestPermissions => "run.jobs.get",
            Self::ReadLogs => "logging.logEntries.list",
            Self::AccessSecret => "secretmanager.versions.access",
        }
    }
}

/// A call that gave no answer to use.
#[derive(Debug, Clone, Error)]
pub(crate) enum CallError {
    /// Nothing was sent: there is nothing to send with.
    #[error("{call}: no credentials: {cause}")]
    Credentials {
        call: String,
        cause: String,
        /// Waiting will not mend it.
        lasting: bool,
    },
    /// Nothing was sent: nobody took the connection.
    #[error("{call}: could not connect: {cause}")]
    NotSent { call: String, cause: String },
    /// It was sent, perhaps in part, and what became of it is not known.
    #[error("{call}: the answer is lost: {cause}")]
    Lost { call: String, cause: String },
    /// It was answered, and not with 2xx.
    #[error("{call}: {refusal}")]
    Refused {
        call: String,
        verb: Verb,
        refusal: Refusal,
    },
}

impl CallError {
    /// The refusal, if it was one.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// Google said that what was asked about does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_found)
    }

    /// What it means for a launch.
    pub(crate) fn of_launch(&self) -> ExecutorError {
        match self {
            Self::Refused { refusal, verb, .. } => self.of_refused_launch(refusal, *verb),
            Self::Lost { .. } => ExecutorError::unknown(self.to_string()),
            Self::NotSent { .. } | Self::Credentials { .. } => self.of_read(),
        }
    }

    fn of_refused_launch(&self, refusal: &Refusal, verb: Verb) -> ExecutorError {
        let rejected = |class| ExecutorError::rejected(class, self.to_string());
        match refusal.status {
            401 => rejected(ErrorClass::Permission),
            403 => ExecutorError::rejected(ErrorClass::Permission, self.with_permission(verb)),
            404 => rejected(ErrorClass::NotFound),
            // ABORTED: another change came between. Nothing was started; the same request may be sent again.
            409 | 429 => self.throttled(refusal),
            // The front end gave up waiting, or the caller did: the backend may have gone on.
            408 | 425 | 499 => ExecutorError::unknown(self.to_string()),
            400..=498 => rejected(ErrorClass::Config),
            _ => ExecutorError::unknown(self.to_string()),
        }
    }

    /// What it means for everything but a launch: the backend could not be asked.
    pub(crate) fn of_read(&self) -> ExecutorError {
        match self {
            Self::Credentials { lasting: true, .. } => ExecutorError::alarm(self.to_string()),
            Self::Refused { refusal, verb, .. } => match refusal.status {
                429 => self.throttled(refusal),
                500..=599 if refusal.retry_after.is_some() => self.throttled(refusal),
                403 => ExecutorError::alarm(self.with_permission(*verb)),
                400 | 404 => ExecutorError::alarm(self.to_string()),
                _ => ExecutorError::unavailable(self.to_string()),
            },
            _ => ExecutorError::unavailable(self.to_string()),
        }
    }

    fn throttled(&self, refusal: &Refusal) -> ExecutorError {
        ExecutorError::Throttled {
            retry_after: refusal.retry_after,
            message: self.to_string(),
        }
    }

    fn with_permission(&self, verb: Verb) -> String {
        format!("{self} (needs the permission `{}`)", verb.permission())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn refused(status: u16, body: &str) -> CallError {
        let status = StatusCode::from_u16(status).unwrap();
        let now = DateTime::UNIX_EPOCH;
        CallError::Refused {
            call: "POST …:run".to_owned(),
            verb: Verb::Launch,
            refusal: Refusal::read(status, &HeaderMap::new(), body.as_bytes(), now),
        }
    }

    fn word(error: &ExecutorError) -> String {
        match error {
            ExecutorError::Rejected { class, .. } => format!("rejected {class}"),
            ExecutorError::Throttled { .. } => "throttled".to_owned(),
            ExecutorError::Unknown { .. } => "unknown".to_owned(),
            ExecutorError::Unavailable { alarm: false, .. } => "unavailable".to_owned(),
            ExecutorError::Unavailable { alarm: true, .. } => "alarm".to_owned(),
        }
    }

    #[test]
    fn every_status_of_a_launch_and_of_a_read() {
        for (status, launch, read) in [
            (302, "unknown", "unavailable"),
            (400, "rejected config", "alarm"),
            (401, "rejected permission", "unavailable"),
            (403, "rejected permission", "alarm"),
            (404, "rejected not_found", "alarm"),
            (408, "unknown", "unavailable"),
            (409, "throttled", "unavailable"),
            (411, "rejected config", "unavailable"),
            (429, "throttled", "throttled"),
            (499, "unknown", "unavailable"),
            (500, "unknown", "unavailable"),
            (502, "unknown", "unavailable"),
            (503, "unknown", "unavailable"),
            (504, "unknown", "unavailable"),
        ] {
            let error = refused(status, "<html>");
            assert_eq!(word(&error.of_launch()), launch, "{status}");
            assert_eq!(word(&error.of_read()), read, "{status}");
        }
    }

    #[test]
    fn a_missing_right_is_named() {
        let error = refused(403, "").of_launch().to_string();
        assert!(error.contains("run.jobs.runWithOverrides"), "{error}");
    }

    #[test]
    fn only_what_was_sent_is_unknown() {
        let call = || "POST".to_owned();
        let cause = || "x".to_owned();
        let not_sent = CallError::NotSent {
            call: call(),
            cause: cause(),
        };
        let lost = CallError::Lost {
            call: call(),
            cause: cause(),
        };
        let keyless = |lasting| CallError::Credentials {
            call: call(),
            cause: cause(),
            lasting,
        };
        assert_eq!(word(&not_sent.of_launch()), "unavailable");
        assert_eq!(word(&lost.of_launch()), "unknown");
        assert_eq!(word(&lost.of_read()), "unavailable");
        assert_eq!(word(&keyless(false).of_launch()), "unavailable");
        assert_eq!(word(&keyless(true).of_launch()), "alarm");
    }
}
