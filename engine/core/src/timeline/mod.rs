//! When what of a run happened: the phases of its attempts, and the chain of tasks that made it as long as it is.
//!
//! Guarantees: pure, over the run as it is seen; phases of an attempt follow each other without gap and never backwards,
//! whatever the clocks of remote systems say. Attempts of earlier rounds are left out.

mod before;
mod critical;
mod phases;

use crate::run::Instant;
use crate::view::{AttemptView, RunView};

pub use self::critical::{Step, critical_path};
pub use self::phases::{Bar, Phase, Row, Span, Timeline};

/// When the present round of a run began.
fn round_began(run: &RunView) -> Instant {
    run.head.started_at.unwrap_or(run.head.created_at)
}

/// The attempts of a task in the present round.
fn of_round<'a>(
    run: &RunView,
    attempts: &'a [AttemptView],
) -> impl Iterator<Item = &'a AttemptView> + use<'a> {
    let began = round_began(run);
    attempts
        .iter()
        .filter(move |attempt| attempt.intended_at >= began)
}

#[cfg(test)]
mod tests;
