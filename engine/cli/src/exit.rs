//! The exit codes of the contract.
//!
//! Guarantees: no other code is ever given, but by a panic or a signal.

use std::process::ExitCode;

use noctule_core::ask::Refusal;
use noctule_core::run::RunEnding;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Success = 0,
    /// The run failed or timed out; somebody should look at the night.
    RunFailed = 1,
    /// Usage or validation.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// It goes against how things stand.
    Conflict = 4,
    /// Not allowed.
    NotAllowed = 5,
    /// The store or the server is not reachable.
    Unreachable = 6,
    /// `--wait` gave up; the run goes on.
    GaveUp = 7,
    /// The run was cancelled.
    Cancelled = 8,
    /// Interrupted: detached.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<RunEnding> for Exit {
    fn from(ending: RunEnding) -> Self {
        match ending {
            RunEnding::Succeeded => Self::Success,
            RunEnding::Failed | RunEnding::TimedOut => Self::RunFailed,
            RunEnding::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Refusal> for Exit {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid => Self::Usage,
            Refusal::NotFound => Self::NotFound,
            Refusal::Conflict | Refusal::Expired => Self::Conflict,
            Refusal::Unreachable => Self::Unreachable,
        }
    }
}
