//! The right to write: a lock held for life, and an epoch that only grows.
//!
//! The lock keeps other engines out; the epoch, checked by every commit, fences a writer that lost the lock without
//! noticing. Whoever waits for the store holds a second lock meanwhile, so that the holder sees that it is asked for, and
//! no longer sees it when the one that asked is gone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::address::beside;
use crate::error::{On, StoreError};
use crate::lock::{self, Lock, Owner};
use crate::store::Store;

/// The right to write, until it is dropped.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(crate) epoch: i64,
    _lock: Arc<Lock>,
}

impl Lease {
    /// The epoch; grows with each acquisition.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// How often an engine that waits for the store tries to get it.
const KNOCK: Duration = Duration::from_millis(20);
/// Up to this size the pages of a store are checked each time an engine starts: a matter of milliseconds.
const CHECKED: u64 = 32 << 20;

const RAISE: &str = "UPDATE store SET epoch = epoch + 1 RETURNING epoch";
const CHECK: &str = "PRAGMA quick_check(1)";

impl Store {
    /// Who holds the right to write now; looking disturbs nobody.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub fn holder(&self) -> Result<Option<Owner>, StoreError> {
        lock::holder(&self.lock_path())
    }

    /// Takes the right to write. Whoever waits for it comes first, or the one that gave it over could take it right back.
    ///
    /// # Errors
    /// Another engine has it, or waits for it: `HeldBy`. The store is damaged or cannot be written.
    pub async fn acquire(&self, owner: &Owner) -> Result<Lease, StoreError> {
        if let Some(waiting) = lock::holder(&self.next_path())? {
            return Err(StoreError::HeldBy(Box::new(
                self.holder()?.unwrap_or(waiting),
            )));
        }
        let lease = self.try_acquire(owner).await?;
        lease.map_or_else(|| self.held(), Ok)
    }

    /// Asks the holder to give the store over, and takes it as soon as it is free.
    ///
    /// # Errors
    /// It was not free in time: `HeldBy`. The store is damaged or cannot be written.
    pub async fn acquire_when_free(
        &self,
        owner: &Owner,
        patience: Duration,
    ) -> Result<Lease, StoreError> {
        let end = tokio::time::Instant::now() + patience;
        // Of several that wait one is next; the others wait for its place.
        let mut next = None;
        loop {
            if next.is_none() {
                next = lock::take(&self.next_path(), owner).await?;
            }
            if next.is_some()
                && let Some(lease) = self.try_acquire(owner).await?
            {
                return Ok(lease);
            }
            if tokio::time::Instant::now() >= end {
                return self.held();
            }
            tokio::time::sleep(KNOCK).await;
        }
    }

    fn held<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::HeldBy(Box::new(
            self.holder()?.unwrap_or_else(Owner::nameless),
        )))
    }

    /// Who waits for the store. Looks at one file, so it may be asked often; nothing tells when the answer changes.
    ///
    /// # Errors
    /// The lock file cannot be read.
    pub async fn handover_asked(&self) -> Result<Option<Owner>, StoreError> {
        lock::holder(&self.next_path())
    }

    /// Checks every page of the store.
    ///
    /// # Errors
    /// It is damaged: `Corrupt`.
    pub async fn check(&self) -> Result<(), StoreError> {
        let path = &self.0.path;
        let found: String = sqlx::query_scalar(CHECK)
            .fetch_one(&self.0.readers)
            .await
            .on(path)?;
        if found == "ok" {
            Ok(())
        } else {
            Err(StoreError::corrupt(path, found))
        }
    }

    async fn try_acquire(&self, owner: &Owner) -> Result<Option<Lease>, StoreError> {
        let Some(lock) = lock::take(&self.lock_path(), owner).await? else {
            return Ok(None);
        };
        let size = std::fs::metadata(&self.0.path)
            .map_err(StoreError::file("look at", &self.0.path))?
            .len();
        if size <= CHECKED {
            self.check().await?;
        }
        let mut writer = self.0.writer.take().await?;
        let epoch: i64 = sqlx::query_scalar(RAISE)
            .fetch_one(&mut *writer)
            .await
            .on(&self.0.path)?;
        Ok(Some(Lease {
            epoch,
            _lock: Arc::new(lock),
        }))
    }

    fn lock_path(&self) -> PathBuf {
        beside(&self.0.path, ".lock")
    }

    fn next_path(&self) -> PathBuf {
        beside(&self.0.path, ".next")
    }
}
