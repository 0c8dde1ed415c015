//! The store as its callers hold it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use noctule_core::name::StoreId;
use sqlx::SqlitePool;

use crate::connection::Line;
use crate::hook::CommitHook;

/// Durable memory. Cheap to clone.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) id: StoreId,
    /// Writes what engines decide.
    pub(crate) writer: Line,
    /// Writes asks.
    pub(crate) inbox: Line,
    /// Looks whether anything changed.
    pub(crate) watcher: Line,
    pub(crate) readers: SqlitePool,
    pub(crate) hook: Option<Arc<dyn CommitHook>>,
}

impl Store {
    /// The id, the second part of every attempt key.
    #[must_use]
    pub fn id(&self) -> &StoreId {
        &self.0.id
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}
