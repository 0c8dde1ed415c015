//! Connections: how each is set up, opened when it is first needed, and replaced when it is no longer to be trusted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::said::On;
use crate::error::StoreError;

const READERS: u32 = 4;
/// How long a statement waits for another program's lock.
const PATIENCE: Duration = Duration::from_secs(5);

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .statement_cache_capacity(64)
        .disable_statement_logging()
}

/// A connection that writes. Only for a file that is known to be ours: it is put into WAL mode.
pub(crate) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::connect_with(&options(path))
        .await
        .on(path)
}

/// Connections that cannot write, opened as they are needed.
pub(crate) fn readers(path: &Path) -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(0)
        .test_before_acquire(false);
    pool.connect_lazy_with(options(path).pragma("query_only", "ON"))
}

/// The one connection for one purpose.
pub(crate) struct Line {
    path: PathBuf,
    open: Mutex<Option<SqliteConnection>>,
}

impl Line {
    pub(crate) fn new(path: &Path, open: Option<SqliteConnection>) -> Self {
        Self {
            path: path.to_owned(),
            open: Mutex::new(open),
        }
    }

    /// Closes the connection; the next call opens a fresh one.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match self.open.lock().await.take() {
            Some(connection) => connection.close().await.on(&self.path),
            None => Ok(()),
        }
    }

    /// The connection, for as long as the caller keeps it.
    pub(crate) async fn take(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut slot = self.open.lock().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => connect(&self.path).await?,
        };
        Ok(MutexGuard::map(slot, |slot| slot.insert(connection)))
    }

    /// The same for a transaction to begin. A commit that failed on a full disk may have been rolled back by SQLite itself,
    /// which its driver does not see: such a connection is given up.
    pub(crate) async fn take_to_begin(
        &self,
    ) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut connection = self.take().await?;
        if connection.is_in_transaction() {
            // A transaction that was dropped is rolled back before anything else is done.
            let rolled_back = connection.ping().await;
            if rolled_back.is_err() || connection.is_in_transaction() {
                drop(connection);
                self.give_up().await;
                return self.take().await;
            }
        }
        Ok(connection)
    }

    /// Gives the connection up: the next call opens a fresh one.
    pub(crate) async fn give_up(&self) {
        drop(self.open.lock().await.take());
    }
}

/// The one row of a statement that writes and returns. SQLite gives the row before it commits, so that a caller who leaves
/// with it never hears that the commit failed: every row is fetched, and the end of the statement with them.
pub(crate) fn written_whole(rows: Result<Vec<i64>, sqlx::Error>) -> Result<i64, sqlx::Error> {
    rows?.pop().ok_or(sqlx::Error::RowNotFound)
}
