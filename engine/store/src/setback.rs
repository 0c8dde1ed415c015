//! Whether the store was set back to an earlier state: then what its live runs say was not sent may have been sent since.
//!
//! The mark is set by whoever sets the store back, and taken away by an engine once every live run knows of it.

use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

impl Store {
    /// Whether the live runs are to be told that the store was set back.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn is_doubted(&self) -> Result<bool, StoreError> {
        either!(self, backend => Box::pin(backend.is_doubted()).await)
    }

    /// Every live run knows, durably.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn settle_doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.settle_doubt(lease)).await)
    }
}
