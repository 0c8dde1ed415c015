//! The classes of errors that users meet in `retries.on`, in JSON and in messages (the table of the command line's contract).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The definition or the request is wrong; trying again changes nothing.
    Config,
    /// A right is missing.
    Permission,
    /// The job, definition or target does not exist.
    NotFound,
    /// The backend asked to slow down.
    Throttled,
    /// The platform failed: no capacity, host or spot loss, HTTP 5xx.
    Infrastructure,
    /// The work was accepted and never began.
    NeverStarted,
    /// The work itself failed: non-zero exit, failed verdict, `success` false.
    User,
    /// A deadline passed.
    TimedOut,
    /// The backend no longer knows the work.
    Lost,
    /// Nobody can tell whether, or how, the work ended.
    Unknown,
    /// It was cancelled.
    Cancelled,
}

impl ErrorClass {
    /// Every class, in the order of the contract.
    pub const ALL: [Self; 11] = [
        Self::Config,
        Self::Permission,
        Self::NotFound,
        Self::Throttled,
        Self::Infrastructure,
        Self::NeverStarted,
        Self::User,
        Self::TimedOut,
        Self::Lost,
        Self::Unknown,
        Self::Cancelled,
    ];

    /// The word in JSON and in DAG files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Infrastructure => "infrastructure",
            Self::NeverStarted => "never_started",
            Self::User => "user",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
