//! Forgetting what is over for long: which runs those are, and taking them out, with what hangs on them.
//!
//! A run that is not over is never taken; the key that made a run is kept for ever, so that it makes no second one.

use chrono::{DateTime, Utc};
use noctule_core::name::RunId;
use noctule_core::retention::Horizon;
use noctule_executor::AttemptKey;

use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

/// A run that is over, and the keys of its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldRun {
    /// Which.
    pub run: RunId,
    /// When it ended, to the millisecond.
    pub ended_at: DateTime<Utc>,
    /// Of all its attempts, of every round.
    pub keys: Vec<AttemptKey>,
}

/// After what a page of old runs begins: an instant, and the last run of that instant that was seen.
pub type After = (DateTime<Utc>, Option<RunId>);

/// How many of these runs have about so many rows together: at least one.
pub(crate) fn fitting(sizes: &[u32], rows: u32) -> usize {
    let mut sum = 0u32;
    let fits = sizes.iter().take_while(|size| {
        sum = sum.saturating_add(**size);
        sum <= rows
    });
    fits.count().max(1).min(sizes.len())
}

impl Store {
    /// The oldest runs that are past a horizon and not among the newest of their DAG: so many that they have about `rows`
    /// rows, at least one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn forgettable(
        &self,
        horizon: &Horizon,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        either!(self, backend => Box::pin(backend.forgettable(horizon, rows)).await)
    }

    /// The runs that ended after a place and before an instant, oldest first, about so many rows of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn ended_between(
        &self,
        after: &After,
        before: DateTime<Utc>,
        rows: u32,
    ) -> Result<Vec<OldRun>, StoreError> {
        either!(self, backend => Box::pin(backend.ended_between(after, before, rows)).await)
    }

    /// Takes runs out, in one transaction, if they are past the horizon still.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn forget(
        &self,
        lease: &Lease,
        horizon: &Horizon,
        runs: &[RunId],
    ) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.forget(lease, horizon, runs)).await)
    }

    /// Takes out answered asks, dropped ticks and audit events of before the horizon, a bounded number of each.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn forget_loose_ends(
        &self,
        lease: &Lease,
        horizon: &Horizon,
    ) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.forget_loose_ends(lease, horizon)).await)
    }
}
