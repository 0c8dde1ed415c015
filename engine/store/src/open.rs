//! How a store is opened.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::name::{ProfileName, StoreId};

use crate::hook::CommitHook;

/// How a store is opened.
pub struct OpenOptions {
    /// The profile of the caller.
    pub profile: ProfileName,
    /// The id of the store, if it is made now.
    pub new_id: StoreId,
    /// Now.
    pub now: DateTime<Utc>,
    /// Where relative addresses begin.
    pub base: PathBuf,
    /// Make it where there is none.
    pub create: bool,
    /// Called around every commit; for tests that end a process there.
    pub hook: Option<Arc<dyn CommitHook>>,
}
