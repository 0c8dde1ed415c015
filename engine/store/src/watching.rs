//! Waiting for changes that anybody made, in this process or another.

use std::time::Duration;

use crate::error::StoreError;
use crate::store::{Backend, Store, either};

/// How often a waiting reader looks whether anything changed: at a file, at a database.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));

impl Store {
    /// A number that differs after any change by anybody. Only equality means anything, and only in this process.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn change_token(&self) -> Result<i64, StoreError> {
        either!(self, backend => Box::pin(backend.change_token()).await)
    }

    /// Waits until anything changed since a token was taken, at most for `patience`; gives the new token.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn changed_since(&self, token: i64, patience: Duration) -> Result<i64, StoreError> {
        let end = tokio::time::Instant::now() + patience;
        let look = match &*self.0 {
            Backend::Sqlite(_) => LOOK.0,
            Backend::Postgres(_) => LOOK.1,
        };
        loop {
            let now = self.change_token().await?;
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if now != token || left.is_zero() {
                return Ok(now);
            }
            tokio::time::sleep(look.min(left)).await;
        }
    }
}
