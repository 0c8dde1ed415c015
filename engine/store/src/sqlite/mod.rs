//! The store in a file of SQLite, in WAL mode with `synchronous = FULL`: what is acknowledged is there after a crash and
//! after a power cut.
//!
//! One connection writes, grouped; readers have connections of their own that cannot write; asks come in by another. The
//! right to write is an OS lock and an epoch.

mod access;
mod address;
mod asks;
mod backfills;
mod columns;
mod commit;
mod connection;
mod creation;
mod dags;
mod forgetting;
mod lease;
mod lock;
mod messages;
mod open;
mod places;
mod quota;
mod records;
mod runs;
mod said;
mod schema;
mod setback;
mod steps;
mod stretches;
mod transfer;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;

use noctule_core::name::StoreId;
use sqlx::SqlitePool;

use self::connection::Line;
pub(crate) use self::lock::Lock;
use self::said::On;
use crate::error::StoreError;
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
    /// The last to leave brings the log into the file.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        // A closed pool opens no more; its idle connections are all that it has, since nobody reads now.
        while let Some(idle) = self.readers.try_acquire() {
            idle.close().await.on(&self.path)?;
        }
        self.watcher.close().await?;
        self.inbox.close().await?;
        self.writer.close().await
    }

    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }
}
