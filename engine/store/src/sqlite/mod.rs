//! The store in a file of SQLite, in WAL mode with `synchronous = FULL`: what is acknowledged is there after a crash and
//! after a power cut.
//!
//! One connection writes, grouped; readers have connections of their own that cannot write; asks come in by another. The
//! right to write is an OS lock and an epoch.

mod address;
mod asks;
mod commit;
mod connection;
mod creation;
mod dags;
mod lease;
mod lock;
mod open;
mod places;
mod quota;
mod records;
mod runs;
mod said;
mod schema;
mod steps;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;

use noctule_core::name::StoreId;
use sqlx::SqlitePool;

use self::connection::Line;
pub(crate) use self::lock::Lock;
use crate::hook::CommitHook;

/// A store in a file.
pub(crate) struct SqliteStore {
    pub(crate) path: PathBuf,
    pub(crate) id: StoreId,
    /// Writes what engines decide.
    writer: Line,
    /// Writes asks.
    inbox: Line,
    /// Looks whether anything changed.
    watcher: Line,
    readers: SqlitePool,
    hook: Option<Arc<dyn CommitHook>>,
}

impl SqliteStore {
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }
}
