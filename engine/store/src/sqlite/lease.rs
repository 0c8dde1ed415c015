//! The right to write: a lock held for life, and an epoch that only grows.
//!
//! The lock keeps other engines out; the epoch, checked by every commit, fences a writer that lost the lock without
//! noticing. Whoever waits for the store holds a second lock meanwhile, so that the holder sees that it is asked for, and
//! no longer sees it when the one that asked is gone.

use std::path::PathBuf;
use std::time::Duration;

use super::SqliteStore;
use super::address::beside;
use super::connection::written_whole;
use super::lock;
use super::said::{self, On};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::owner::Owner;

/// How often an engine that waits for the store tries to get it.
const KNOCK: Duration = Duration::from_millis(20);
/// Up to this size the pages of a store are checked each time an engine starts: a matter of milliseconds.
const CHECKED: u64 = 32 << 20;

const RAISE: &str = "UPDATE store SET epoch = epoch + 1 RETURNING epoch";
const CHECK: &str = "PRAGMA quick_check(1)";

impl SqliteStore {
    /// Who holds the right to write now; looking disturbs nobody.
    pub(crate) async fn holder(&self) -> Result<Option<Owner>, StoreError> {
        lock::holder(&self.lock_path())
    }

    /// Takes the right to write. Whoever waits for it comes first, or the one that gave it over could take it right back.
    pub(crate) async fn acquire(&self, owner: &Owner) -> Result<Lease, StoreError> {
        if let Some(waiting) = lock::holder(&self.next_path())? {
            return Err(StoreError::HeldBy(Box::new(
                self.holder().await?.unwrap_or(waiting),
            )));
        }
        match self.try_acquire(owner).await? {
            Some(lease) => Ok(lease),
            None => self.held().await,
        }
    }

    /// Asks the holder to give the store over, and takes it as soon as it is free.
    pub(crate) async fn acquire_when_free(
        &self,
        owner: &Owner,
        patience: Option<Duration>,
    ) -> Result<Lease, StoreError> {
        let end = patience.map(|patience| tokio::time::Instant::now() + patience);
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
            if end.is_some_and(|end| tokio::time::Instant::now() >= end) {
                return self.held().await;
            }
            tokio::time::sleep(KNOCK).await;
        }
    }

    async fn held<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::HeldBy(Box::new(
            self.holder().await?.unwrap_or_else(Owner::nameless),
        )))
    }

    /// Who waits for the store. Looks at one file, so it may be asked often; nothing tells when the answer changes.
    pub(crate) async fn handover_asked(&self) -> Result<Option<Owner>, StoreError> {
        lock::holder(&self.next_path())
    }

    /// Checks every page of the store.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let path = &self.path;
        let found: String = sqlx::query_scalar(CHECK)
            .fetch_one(&self.readers)
            .await
            .on(path)?;
        if found == "ok" {
            Ok(())
        } else {
            Err(said::corrupt(path, found))
        }
    }

    async fn try_acquire(&self, owner: &Owner) -> Result<Option<Lease>, StoreError> {
        let Some(lock) = lock::take(&self.lock_path(), owner).await? else {
            return Ok(None);
        };
        let size = std::fs::metadata(&self.path)
            .map_err(said::file("look at", &self.path))?
            .len();
        if size <= CHECKED {
            self.check().await?;
        }
        let mut writer = self.writer.take().await?;
        let raise = sqlx::query_scalar(RAISE);
        let epoch = written_whole(raise.fetch_all(&mut *writer).await).on(&self.path)?;
        Ok(Some(Lease::of_lock(epoch, lock)))
    }

    fn lock_path(&self) -> PathBuf {
        beside(&self.path, ".lock")
    }

    fn next_path(&self) -> PathBuf {
        beside(&self.path, ".next")
    }
}
