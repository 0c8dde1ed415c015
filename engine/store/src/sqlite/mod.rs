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
    /// Closes every connection: the last to leave brings the log into the file. One that was read with may still be on its
    /// way back to the others, which it takes on a task of its own: all are waited for.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        // A pool that is closed would open no more. Where none is idle yet, one more is opened and closed.
        while self.readers.size() > 0 {
            let reader = self.readers.acquire().await.on(&self.path)?;
            reader.close().await.on(&self.path)?;
        }
        self.watcher.close().await?;
        self.inbox.close().await?;
        self.writer.close().await
    }

    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::OpenOptions;
    use crate::store::{Backend, Store};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_that_is_closed_is_whole_in_its_file_whoever_was_the_last_to_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = OpenOptions {
            profile: "test".parse().expect("a name"),
            new_id: "0123abcd".parse().expect("an id"),
            now: chrono::Utc::now(),
            base: folder.path().to_owned(),
            create: true,
            hook: None,
        };
        let store = Store::open("sqlite://state.db", options).await;
        let store = store.expect("a store");
        let Backend::Sqlite(sqlite) = &*store.0 else {
            panic!("it is a file");
        };
        let reader = sqlite.readers.acquire().await.expect("a reader");
        let mut writer = sqlite.writer.take().await.expect("a writer");
        let raised = sqlx::query("UPDATE store SET epoch = 7").execute(&mut *writer);
        raised.await.expect("a write");
        drop(writer);
        let closed = sqlite.close();
        tokio::pin!(closed);
        // Only when the reader is back is it closed.
        let early = std::future::poll_fn(|context| {
            std::task::Poll::Ready(closed.as_mut().poll(context).is_ready())
        });
        assert!(!early.await);
        drop(reader);
        closed.await.expect("closed");
        assert_eq!(sqlite.readers.size(), 0);
        assert!(!creation::is_there(&address::beside(&sqlite.path, "-wal")).expect("a look"));
    }
}
