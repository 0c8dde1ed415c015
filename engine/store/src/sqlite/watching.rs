//! Noticing changes that anybody made, in this process or another.

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;

/// Differs after each commit of any other connection, seen from the same one.
const TOKEN: &str = "PRAGMA data_version";

impl SqliteStore {
    /// A number that differs after any change by anybody. Only equality means anything, and only in this process.
    pub(crate) async fn change_token(&self) -> Result<i64, StoreError> {
        let mut watcher = self.watcher.take().await?;
        sqlx::query_scalar(TOKEN)
            .fetch_one(&mut *watcher)
            .await
            .on(&self.path)
    }
}
