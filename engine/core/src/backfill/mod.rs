//! Backfills: runs for past ticks that somebody asked for, a few at a time, behind everything else.
//!
//! Guarantees: a night is begun once, whatever happens between; no more than `max_parallel` are under way; what was planned
//! is what is done, and what could not be done says why. Pure: an engine keeps it, begins runs and tells it of their ends.
//!
//! Never: makes a run, or looks at a clock.

mod hold;
mod plan;
mod work;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::hold::{Around, Hold, hold};
pub use self::plan::{Existing, LARGEST, Left, Plan, PlanError, Range, plan, ticks};
pub use self::work::Work;
use crate::name::{BackfillId, DagId, RunId};
use crate::run::{Actor, Instant, RunEnding};
use crate::ticks::IngestionId;

/// Which ticks of a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Those without a run.
    #[default]
    Missing,
    /// Those whose run ended bad: what failed in it begins anew.
    Failed,
    /// All: where there is a run, every task of it begins anew.
    All,
}

/// A backfill without its nights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backfill {
    /// Its id.
    pub id: BackfillId,
    /// The DAG.
    pub dag: DagId,
    /// The first instant of the range.
    pub from: Instant,
    /// The last instant of the range, included.
    pub to: Instant,
    /// Which ticks.
    pub only: Only,
    /// At most so many of its runs are under way.
    pub max_parallel: u32,
    /// Who asked.
    pub by: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub created_at: Instant,
    /// How it stands.
    pub phase: Phase,
    /// How many nights stand how.
    pub tally: Tally,
}

/// How a backfill stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Phase {
    /// Its nights are begun, in order.
    Running,
    /// No more of them for now; what is under way goes on.
    Paused {
        /// Who paused it.
        by: Actor,
        /// Why.
        reason: Option<String>,
        /// Since when.
        since: Instant,
    },
    /// No more of them, and what was under way was cancelled.
    Cancelled {
        /// Who cancelled it.
        by: Actor,
        /// Why.
        reason: Option<String>,
        /// When.
        at: Instant,
    },
    /// Every night is over.
    Ended {
        /// When.
        at: Instant,
    },
}

/// How many nights stand how. A night that waits in a backfill that was cancelled waits for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Not begun.
    pub waiting: u32,
    /// Under way.
    pub running: u32,
    /// Their runs succeeded.
    pub succeeded: u32,
    /// Their runs failed, timed out or were cancelled.
    pub failed: u32,
    /// Left as they were: each says why.
    pub left_alone: u32,
}

/// One tick of a backfill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Night {
    /// The tick.
    pub tick: Instant,
    /// Its own ingestion id.
    pub ingestion_id: IngestionId,
    /// What is to be done for it.
    pub errand: Errand,
    /// How it stands.
    #[serde(flatten)]
    pub state: NightState,
}

/// What is to be done for a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Errand {
    /// A run is made.
    Make,
    /// What failed in its run begins anew.
    Retry {
        /// The run.
        run: RunId,
    },
    /// Every task of its run begins anew.
    Again {
        /// The run.
        run: RunId,
    },
}

/// How a night stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum NightState {
    /// Its turn has not come.
    Waiting,
    /// Its run is under way.
    Running {
        /// The run.
        run: RunId,
        /// Its round that is for this night; none: a noctule of before began it, and did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<u32>,
        /// Since when.
        since: Instant,
    },
    /// Its run is over.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        ending: RunEnding,
        /// When that was seen.
        at: Instant,
    },
    /// Nothing was done for it.
    LeftAlone {
        /// The run that was there.
        run: Option<RunId>,
        /// Why.
        why: String,
        /// When that was seen.
        at: Instant,
    },
}

impl Only {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }
}

impl Phase {
    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused { .. } => "paused",
            Self::Cancelled { .. } => "cancelled",
            Self::Ended { .. } => "ended",
        }
    }
}

impl Backfill {
    /// Nothing of it is under way, and nothing more will be.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self.phase {
            Phase::Running | Phase::Paused { .. } => false,
            Phase::Cancelled { .. } => self.tally.running == 0,
            Phase::Ended { .. } => true,
        }
    }
}

impl Errand {
    /// The run that was there when it was planned.
    #[must_use]
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::Make => None,
            Self::Retry { run } | Self::Again { run } => Some(run),
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Make => "make",
            Self::Retry { .. } => "retry",
            Self::Again { .. } => "again",
        }
    }
}

impl NightState {
    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running { .. } => "running",
            Self::Ended { ending, .. } => match ending {
                RunEnding::Succeeded => "succeeded",
                RunEnding::Failed => "failed",
                RunEnding::Cancelled => "cancelled",
                RunEnding::TimedOut => "timed_out",
            },
            Self::LeftAlone { .. } => "left_alone",
        }
    }

    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::Waiting => None,
            Self::Running { run, .. } | Self::Ended { run, .. } => Some(run),
            Self::LeftAlone { run, .. } => run.as_ref(),
        }
    }
}

impl Tally {
    /// Every night.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.waiting + self.running + self.succeeded + self.failed + self.left_alone
    }

    fn place(&mut self, state: &NightState) -> &mut u32 {
        match state {
            NightState::Waiting => &mut self.waiting,
            NightState::Running { .. } => &mut self.running,
            NightState::Ended {
                ending: RunEnding::Succeeded,
                ..
            } => &mut self.succeeded,
            NightState::Ended { .. } => &mut self.failed,
            NightState::LeftAlone { .. } => &mut self.left_alone,
        }
    }
}
