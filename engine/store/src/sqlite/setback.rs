//! The mark of a store that was set back.

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;
use crate::lease::Lease;

const IS_DOUBTED: &str = "SELECT doubted FROM store";
const SETTLE: &str = "UPDATE store SET doubted = 0 WHERE epoch = ?";

impl SqliteStore {
    pub(crate) async fn is_doubted(&self) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(IS_DOUBTED);
        query.fetch_one(&self.readers).await.on(&self.path)
    }

    pub(crate) async fn settle_doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut writer = self.writer.take().await?;
        let update = sqlx::query(SETTLE).bind(lease.epoch());
        let done = update.execute(&mut *writer).await.on(&self.path)?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Fenced(lease.epoch())),
        }
    }
}
