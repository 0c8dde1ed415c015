//! Runs that are to end by a time: those past it, and those that have it ahead tonight.
//!
//! Guarantees: by the rule by which people are told (`must_end_by`), whether or not anybody is told of it.

use chrono::TimeDelta;

use super::REACH;
use crate::dag::Dag;
use crate::run::{Instant, Run};
use crate::view::RunHead;
use crate::word::must_end;

/// A run that is not over, and the time by which it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The run.
    pub run: RunHead,
    /// By when it is to end.
    pub by: Instant,
}

impl Due {
    /// A run, if it is to end by a time within the night or before.
    #[must_use]
    pub fn of(dag: &Dag, run: &Run, now: Instant) -> Option<Self> {
        let by = must_end(dag, run).filter(|by| *by <= now + REACH)?;
        let run = RunHead::of(&run.facts, run.round, &run.phase);
        Some(Self { run, by })
    }

    /// How long its time is past; none: it is ahead.
    #[must_use]
    pub fn past(&self, now: Instant) -> Option<TimeDelta> {
        (self.by <= now).then(|| now - self.by)
    }
}
