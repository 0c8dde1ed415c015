//! What a state asks the engine to do: a pure function of a live attempt, the same after a commit and after a restart.
//!
//! There is no recovery code: whoever holds a run compares what its attempts ask for with what it is doing.

use super::attempt::{Attempt, AttemptState, LaunchStep, Nature};
use super::state::Instant;
use noctule_executor::Wait;
use serde::Serialize;

/// What is to be done for a live attempt. A different value is a different thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "activity")]
pub enum Activity {
    /// Send the stored request.
    Launch {
        /// Tells one try from the next.
        tries: u32,
    },
    /// Look for what an earlier send may have started.
    Look {
        /// Tells one look from the next.
        tries: u32,
        /// When.
        at: Instant,
    },
    /// Wait for the end.
    Watch {
        /// Tells one handle from the next.
        advances: u32,
    },
    /// Ask the work to stop, then wait for the end.
    Cancel {
        /// Tells one handle from the next.
        advances: u32,
    },
}

/// What an attempt asks for now.
#[must_use]
pub fn activity(attempt: &Attempt) -> Option<Activity> {
    match &attempt.state {
        AttemptState::Launching(launching) => match launching.step {
            LaunchStep::Send { not_before: None } => Some(Activity::Launch {
                tries: launching.tries,
            }),
            // It rests; that the rest is over is a step of its own, durable before the request goes out.
            LaunchStep::Send { .. } => None,
            LaunchStep::Look { at, .. } => Some(Activity::Look {
                tries: launching.tries,
                at,
            }),
        },
        AttemptState::Running(work) => Some(Activity::Watch {
            advances: work.handle.advances,
        }),
        AttemptState::Cancelling(work) => Some(Activity::Cancel {
            advances: work.handle.advances,
        }),
        AttemptState::Ended(_) => None,
    }
}

/// Whether an attempt holds a slot: `block` while it lasts, anything else while it is launched.
/// A plain call under `poll` holds a connection, not a slot.
#[must_use]
pub fn holds_slot(attempt: &Attempt) -> bool {
    let block = attempt.prepared.wait == Wait::Block;
    match &attempt.state {
        AttemptState::Launching(_) => block || attempt.prepared.nature != Nature::Attached,
        AttemptState::Running(_) | AttemptState::Cancelling(_) => block,
        AttemptState::Ended(_) => false,
    }
}
