//! Obligations: what an attempt leaves behind and the engine has to clear away, whatever happens to the run.
//!
//! An obligation is stored in the step in which the handle becomes known, follows the handle as it advances, and is the
//! engine's to carry out after success, failure, time-out, cancel and restart. A run ends only when none is open.

use std::time::Duration;

use noctule_executor::{Clearing, Use};
use serde::{Deserialize, Serialize};

use super::attempt::Handle;
use super::state::{Instant, TaskRun};

/// How long a clearing is tried, and waited for, before it is given up, loudly. Longer than any container that saves
/// itself needs: AWS stops none before its own cap, and caps of hours are usual.
pub const CLEARING_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Something to clear away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Obligation {
    /// The number of the attempt that made it.
    pub attempt: u32,
    /// How to find it.
    pub handle: Handle,
    /// The connection it is reached through.
    pub connection: Option<String>,
    /// How it stands.
    pub duty: Duty,
}

/// How an obligation stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "duty")]
pub enum Duty {
    /// The attempt is live, or others use its work.
    Held,
    /// It is to be cleared away.
    Due {
        /// Since when.
        since: Instant,
        /// Tells one try from the next.
        tries: u32,
        /// Not before this instant.
        not_before: Option<Instant>,
        /// How those who used it have ended.
        usage: Use,
        /// What the last try said.
        trouble: Option<String>,
    },
    /// Nobody tries any more: a person has to.
    GivenUp {
        /// When.
        at: Instant,
        /// What the last try said.
        why: String,
    },
}

/// What became of one try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cleared")]
pub enum Cleared {
    /// The executor's word.
    Answered {
        /// How far it has come.
        clearing: Clearing,
    },
    /// It could not be done this time.
    Failed {
        /// Why.
        message: String,
    },
}

/// One try of a clearing, to be made by the engine. A different value is a different try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearingTry {
    /// Tells one try from the next.
    pub tries: u32,
    /// Not before this instant.
    pub not_before: Option<Instant>,
    /// How those who used it have ended.
    pub usage: Use,
}

impl Obligation {
    /// What it asks for now.
    #[must_use]
    pub fn asks_for(&self) -> Option<ClearingTry> {
        match &self.duty {
            Duty::Due {
                tries,
                not_before,
                usage,
                ..
            } => Some(ClearingTry {
                tries: *tries,
                not_before: *not_before,
                usage: *usage,
            }),
            Duty::Held | Duty::GivenUp { .. } => None,
        }
    }

    /// Whether the run has to wait for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.duty, Duty::GivenUp { .. })
    }
}

impl TaskRun {
    /// Whether something of it is still to be cleared away.
    #[must_use]
    pub fn is_obliged(&self) -> bool {
        self.obligations.iter().any(Obligation::is_open)
    }
}
