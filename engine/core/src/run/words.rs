//! The words of states, as the command line, JSON and messages write them.

use super::actor::Actor;
use super::attempt::{AttemptEnd, AttemptState};
use super::state::{Phase, Run, RunEnding, TaskState, Verdict};

impl Verdict {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream_failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }
}

impl TaskState {
    /// The word of the contract: `running` covers everything that is under way.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready { .. } => "ready",
            Self::Active | Self::Mapped { .. } => "running",
            // The word list of the contract has no pause: the task waits for its next try.
            Self::Backoff { .. } => "waiting",
            Self::Ended(end) => end.verdict.word(),
        }
    }
}

impl AttemptState {
    /// The word of the contract.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Launching(_) => "launching",
            Self::Running(_) => "running",
            Self::Cancelling(_) => "cancelling",
            Self::Ended(ended) => ended.end.word(),
        }
    }
}

impl AttemptEnd {
    /// The word of the contract.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut { .. } => "timed_out",
        }
    }
}

impl RunEnding {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }
}

impl Phase {
    /// The word of the contract.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Ended { ending, .. } => ending.word(),
        }
    }
}

impl Run {
    /// Whether it is being stopped.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Running { stop: Some(_), .. })
    }

    /// Whether the round is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }
}

impl Actor {
    /// The engine itself.
    #[must_use]
    pub fn engine() -> Self {
        Self {
            name: "noctule".to_owned(),
            via: "engine".to_owned(),
        }
    }
}
