//! Runs of a DAG by their nominal times, a page at a time: what is read is bounded by the stretch of time, however long the
//! DAG has run.

use noctule_core::name::{DagId, RunId};
use noctule_core::run::Instant;

use crate::error::StoreError;
use crate::runs::RunSummary;
use crate::store::{Store, either};

/// A stretch of time in the runs of a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Of this DAG.
    pub(crate) dag: DagId,
    /// The first nominal time and the last, both included, to the millisecond.
    pub(crate) nominal: (Instant, Instant),
    /// In this state, by the word of the contract.
    pub(crate) state: Option<String>,
    /// Only those that were made for a tick of a schedule.
    pub(crate) of_ticks: bool,
    /// After this one: the next page.
    pub(crate) after: Option<Mark>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// A place in a stretch: a nominal time as the store has it, and a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) nominal: String,
    pub(crate) run: RunId,
}

impl Store {
    /// A page of a stretch, and the place of its last run.
    pub(crate) async fn stretch(
        &self,
        stretch: &Stretch,
    ) -> Result<(Vec<RunSummary>, Option<Mark>), StoreError> {
        either!(self, backend => Box::pin(backend.stretch(stretch)).await)
    }
}
