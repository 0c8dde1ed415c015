//! How a store in a file was left.

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::setback::Inheritance;

const INHERITANCE: &str = "SELECT doubted, last_host FROM store";
const SETTLE: &str = "UPDATE store SET doubted = 0, last_host = ?2 WHERE epoch = ?1";
const DOUBT: &str = "UPDATE store SET doubted = 1 WHERE epoch = ?1";

impl SqliteStore {
    pub(crate) async fn inheritance(&self) -> Result<Inheritance, StoreError> {
        let query = sqlx::query_as(INHERITANCE).fetch_one(&self.readers);
        let (doubted, host) = query.await.on(&self.path)?;
        Ok(Inheritance { doubted, host })
    }

    pub(crate) async fn settle(&self, lease: &Lease, host: &str) -> Result<(), StoreError> {
        let mut writer = self.writer.take().await?;
        let update = sqlx::query(SETTLE).bind(lease.epoch()).bind(host);
        let done = update.execute(&mut *writer).await.on(&self.path)?;
        fenced(lease, done.rows_affected())
    }

    pub(crate) async fn doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut writer = self.writer.take().await?;
        let update = sqlx::query(DOUBT).bind(lease.epoch());
        let done = update.execute(&mut *writer).await.on(&self.path)?;
        fenced(lease, done.rows_affected())
    }
}

fn fenced(lease: &Lease, rows: u64) -> Result<(), StoreError> {
    match rows {
        1 => Ok(()),
        _ => Err(StoreError::Fenced(lease.epoch())),
    }
}
