//! What a task takes of a pool: a name and a count. How large the pool is stands in the project, and may change meanwhile.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The pool of every task that names none: it has no size of its own, only `engine.slots` bounds it.
pub const DEFAULT_POOL: &str = "default";

/// `pool`: what a task holds of a pool for as long as an attempt of it is live.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PoolUse {
    /// The pool.
    pub name: Arc<str>,
    /// How many of its slots.
    pub slots: u32,
}

impl PoolUse {
    /// Whether only `engine.slots` counts.
    #[must_use]
    pub fn is_default(&self) -> bool {
        &*self.name == DEFAULT_POOL
    }
}

impl Default for PoolUse {
    fn default() -> Self {
        Self {
            name: DEFAULT_POOL.into(),
            slots: 1,
        }
    }
}
