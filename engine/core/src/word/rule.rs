//! `notify`: who is told, and about what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who is told, and about what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The receivers, by the names of the project file.
    pub to: Vec<String>,
    /// What they are told about.
    pub on: Vec<Occasion>,
}

impl Rule {
    /// Whether they are told about this. A time-out is a failure, too.
    #[must_use]
    pub fn tells(&self, occasion: Occasion) -> bool {
        self.on.contains(&occasion)
            || (occasion == Occasion::TimedOut && self.on.contains(&Occasion::Failed))
    }
}

/// What somebody may be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// It ended well.
    Succeeded,
    /// It ended badly, and nobody wanted that; time-outs are among these.
    Failed,
    /// A deadline passed.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// `must_end_by` passed, and it is not over.
    Late,
    /// A tick got no run, or its run had not begun when it was to be over.
    NeverStarted,
    /// It ended well after a time in which it did not.
    Recovered,
}

impl Occasion {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
        Self::Late,
        Self::NeverStarted,
        Self::Recovered,
    ];

    /// What a rule tells that does not say `on`.
    pub const USUAL: [Self; 4] = [
        Self::Failed,
        Self::Late,
        Self::NeverStarted,
        Self::Recovered,
    ];

    /// Its word in files and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Late => "late",
            Self::NeverStarted => "never_started",
            Self::Recovered => "recovered",
        }
    }

    /// Whether it opens a trouble that a later success closes.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::TimedOut | Self::Late | Self::NeverStarted
        )
    }

    /// What happened, as a clause: `nightly failed`.
    #[must_use]
    pub fn clause(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Cancelled => "was cancelled",
            Self::Late => "is late",
            Self::NeverStarted => "did not start",
            Self::Recovered => "is well again",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
