//! Waiting for changes that anybody made, in this process or another.

use std::time::Duration;

use crate::error::{On, StoreError};
use crate::store::Store;

/// How often a waiting reader looks whether anything changed.
const LOOK: Duration = Duration::from_millis(20);

/// Differs after each commit of any other connection, seen from the same one.
const TOKEN: &str = "PRAGMA data_version";

impl Store {
    /// A number that differs after any change by anybody. Only equality means anything, and only in this process.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn change_token(&self) -> Result<i64, StoreError> {
        let mut watcher = self.0.watcher.take().await?;
        sqlx::query_scalar(TOKEN)
            .fetch_one(&mut *watcher)
            .await
            .on(&self.0.path)
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
