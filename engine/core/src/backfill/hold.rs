//! What keeps the next night of a backfill from being begun: one decision, which the engine follows and people are told.

use super::{Backfill, Phase};
use crate::planted::{self, Bug};
use crate::run::Instant;

/// What stands around a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// The DAG's `max_active_runs`; none: there is no such DAG any more.
    pub max_active_runs: Option<u32>,
    /// Its runs that are under way.
    pub running: usize,
    /// Its runs that are queued.
    pub queued: usize,
}

/// Why the next night is not begun now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Nothing is left to begin.
    Nothing,
    /// It was paused.
    Paused {
        /// By whom.
        by: String,
        /// Since when.
        since: Instant,
        /// Why.
        reason: Option<String>,
    },
    /// So many of its runs are under way, and that is its limit.
    Limit(u32),
    /// The DAG is gone.
    NoDag,
    /// Runs of the DAG wait for their turn, and go first.
    Yields(usize),
    /// `max_active_runs` of the DAG are under way.
    MaxActiveRuns(u32),
}

/// What keeps the next night from being begun; none: it is begun now.
#[must_use]
pub fn hold(backfill: &Backfill, around: Around) -> Option<Hold> {
    match &backfill.phase {
        Phase::Cancelled { .. } | Phase::Ended { .. } => return Some(Hold::Nothing),
        Phase::Paused { .. } if planted::is(Bug::PausedNightsGoOn) => {}
        Phase::Paused { by, reason, since } => {
            return Some(Hold::Paused {
                by: by.name.clone(),
                since: *since,
                reason: reason.clone(),
            });
        }
        Phase::Running => {}
    }
    if backfill.tally.waiting == 0 {
        return Some(Hold::Nothing);
    }
    let one_more = u32::from(planted::is(Bug::NightsTooMany));
    if backfill.tally.running >= backfill.max_parallel + one_more {
        return Some(Hold::Limit(backfill.max_parallel));
    }
    let Some(most) = around.max_active_runs else {
        return Some(Hold::NoDag);
    };
    if around.queued > 0 {
        return Some(Hold::Yields(around.queued));
    }
    (around.running >= most as usize).then_some(Hold::MaxActiveRuns(most))
}

impl Hold {
    /// One clause for people.
    #[must_use]
    pub fn words(&self, say: &dyn Fn(Instant) -> String) -> String {
        match self {
            Self::Nothing => "nothing is left to begin".to_owned(),
            Self::Paused { by, since, reason } => {
                let why = reason
                    .as_ref()
                    .map_or_else(String::new, |why| format!(": {why}"));
                format!("{by} paused it at {}{why}", say(*since))
            }
            Self::Limit(1) => "one of its runs is under way, and its limit is 1".to_owned(),
            Self::Limit(most) => {
                format!("{most} of its runs are under way, and that is its limit")
            }
            Self::NoDag => "the file of its DAG is gone".to_owned(),
            Self::Yields(1) => "a run of the DAG is queued, and goes before it".to_owned(),
            Self::Yields(count) => {
                format!("{count} runs of the DAG are queued, and go before it")
            }
            Self::MaxActiveRuns(most) => {
                format!("`max_active_runs` of the DAG is {most}, and so many are under way")
            }
        }
    }
}
