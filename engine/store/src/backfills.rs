//! Backfills as they are read.

use noctule_core::backfill::{Backfill, Night};
use noctule_core::name::{BackfillId, DagId};

use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

const DEFAULT_LIMIT: u32 = 100;

/// Which backfills to find; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackfillFilter {
    /// Of this DAG.
    pub dag: Option<DagId>,
    /// Only those of which something is under way, or will be.
    pub live: bool,
    /// Asked for before this one: the next page.
    pub before: Option<BackfillId>,
    /// At most so many; 0 means 100.
    pub limit: u32,
}

impl BackfillFilter {
    pub(crate) fn most(&self) -> u32 {
        match self.limit {
            0 => DEFAULT_LIMIT,
            limit => limit,
        }
    }
}

impl Store {
    /// Backfills that fit a filter, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find_backfills(
        &self,
        filter: &BackfillFilter,
    ) -> Result<Vec<Backfill>, StoreError> {
        either!(self, backend => Box::pin(backend.find_backfills(filter)).await)
    }

    /// One backfill, without its nights.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn backfill(&self, id: &BackfillId) -> Result<Option<Backfill>, StoreError> {
        either!(self, backend => Box::pin(backend.backfill(id)).await)
    }

    /// Takes out a backfill with its nights, if nothing of it is under way or will be.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn forget_backfill(&self, lease: &Lease, id: &BackfillId) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.forget_backfill(lease, id)).await)
    }

    /// The nights of a backfill, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn nights(&self, id: &BackfillId) -> Result<Vec<Night>, StoreError> {
        either!(self, backend => Box::pin(backend.nights(id)).await)
    }
}
