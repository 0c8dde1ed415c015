//! How a store was left: set back to an earlier state, or by an engine on another machine. Either way live runs say of
//! launches what may not be so.
//!
//! An engine tells them first, and settles it once that is durable.

use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

/// What live runs are to be told before an engine goes on with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inheritance {
    /// The store was set back.
    pub doubted: bool,
    /// The machine of the engine before; none: there was none.
    pub host: Option<String>,
}

impl Store {
    /// How the store was left.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn inheritance(&self) -> Result<Inheritance, StoreError> {
        either!(self, backend => Box::pin(backend.inheritance()).await)
    }

    /// Every live run knows, durably, that the engine is on this machine now, and of all before.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn settle(&self, lease: &Lease, host: &str) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.settle(lease, host)).await)
    }

    /// Says that the store was set back: the next engine tells every live run.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.doubt(lease)).await)
    }
}
