//! The store as its callers hold it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noctule_core::name::StoreId;
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::hook::CommitHook;
use crate::lock::{self, Lease, Owner};

/// How often a waiting reader looks whether anything changed.
const LOOK: Duration = Duration::from_millis(20);
/// How often an engine that waits for the store tries to get it.
const KNOCK: Duration = Duration::from_millis(100);

/// Durable memory. Cheap to clone.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) id: StoreId,
    /// The one connection that writes runs.
    pub(crate) writer: Mutex<SqliteConnection>,
    /// The one connection that writes asks.
    pub(crate) inbox: Mutex<SqliteConnection>,
    /// The one connection whose `data_version` is looked at.
    pub(crate) watcher: Mutex<SqliteConnection>,
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

    /// Who holds the right to write now; looking disturbs nobody.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub fn holder(&self) -> Result<Option<Owner>, StoreError> {
        lock::holder(&self.0.path)
    }

    /// Takes the right to write.
    ///
    /// # Errors
    /// Another engine has it: `HeldBy`.
    pub async fn acquire(&self, owner: &Owner) -> Result<Lease, StoreError> {
        let Some(lock) = lock::take(&self.0.path, owner).await? else {
            let unknown = Owner {
                pid: 0,
                host: "an unknown host".to_owned(),
                ..owner.clone()
            };
            return Err(StoreError::HeldBy(Box::new(
                self.holder()?.unwrap_or(unknown),
            )));
        };
        let mut writer = self.0.writer.lock().await;
        let raise = "UPDATE store SET epoch = epoch + 1, handover = NULL RETURNING epoch";
        let epoch: i64 = sqlx::query_scalar(raise).fetch_one(&mut *writer).await?;
        Ok(Lease::new(epoch, lock))
    }

    /// Asks the holder to give the store over, and takes it as soon as it is free.
    ///
    /// # Errors
    /// It was not free in time: `HeldBy`.
    pub async fn acquire_when_free(
        &self,
        owner: &Owner,
        patience: Duration,
    ) -> Result<Lease, StoreError> {
        let end = tokio::time::Instant::now() + patience;
        let document = serde_json::to_string(owner).map_err(StoreError::document("owner"))?;
        loop {
            match self.acquire(owner).await {
                Err(StoreError::HeldBy(_)) if tokio::time::Instant::now() < end => {}
                done => return done,
            }
            let mut inbox = self.0.inbox.lock().await;
            sqlx::query("UPDATE store SET handover = ?")
                .bind(&document)
                .execute(&mut *inbox)
                .await?;
            drop(inbox);
            tokio::time::sleep(KNOCK).await;
        }
    }

    /// Who asks for the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn handover_asked(&self) -> Result<Option<Owner>, StoreError> {
        let asked: Option<String> = sqlx::query_scalar("SELECT handover FROM store")
            .fetch_one(&self.0.readers)
            .await?;
        Ok(asked.and_then(|owner| serde_json::from_str(&owner).ok()))
    }

    /// A number that differs after any change by anybody.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn change_token(&self) -> Result<i64, StoreError> {
        let mut watcher = self.0.watcher.lock().await;
        Ok(sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *watcher)
            .await?)
    }

    /// Waits until anything changed since a token was taken, at most for `patience`; gives the new token.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn changed_since(&self, token: i64, patience: Duration) -> Result<i64, StoreError> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let now = self.change_token().await?;
            if now != token || tokio::time::Instant::now() >= end {
                return Ok(now);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A disk that is full, as far as one file can play it: real `SQLITE_FULL` from SQLite. For tests.
#[doc(hidden)]
impl Store {
    /// The database cannot grow from here on.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn limit_pages_to_what_is_there(&self) -> Result<(), StoreError> {
        let mut writer = self.0.writer.lock().await;
        // SQLite never sets the limit below what the file has.
        sqlx::query("PRAGMA max_page_count = 1")
            .execute(&mut *writer)
            .await?;
        Ok(())
    }

    /// The database may grow again.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn lift_page_limit(&self) -> Result<(), StoreError> {
        let mut writer = self.0.writer.lock().await;
        sqlx::query("PRAGMA max_page_count = 1073741823")
            .execute(&mut *writer)
            .await?;
        Ok(())
    }
}
