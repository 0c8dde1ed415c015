//! A place around every commit where a test can end the process, or make the commit fail.

use crate::error::StoreError;

/// Called around every commit of an engine.
pub trait CommitHook: Send + Sync {
    /// Before the transaction is made durable.
    ///
    /// # Errors
    /// Whatever the commit is to fail with; it is rolled back then.
    fn before(&self) -> Result<(), StoreError>;
    /// After it is durable, before the engine knows.
    fn after(&self);
}
