//! A bound on the size of the store: at the bound a commit fails as on a full disk, and passes again once there is room.

use sqlx::AssertSqlSafe;

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;

const PAGE: &str = "PRAGMA page_size";
/// The greatest count there is: no bound.
const UNBOUND: u64 = 4_294_967_294;

impl SqliteStore {
    /// Lets engine writes of this `Store` grow it to so many bytes, never below what it has; `None` lifts the bound.
    pub(crate) async fn limit_size(&self, bytes: Option<u64>) -> Result<(), StoreError> {
        let path = &self.path;
        let mut writer = self.writer.take().await?;
        let page: i64 = sqlx::query_scalar(PAGE)
            .fetch_one(&mut *writer)
            .await
            .on(path)?;
        let pages = bytes.map_or(UNBOUND, |bytes| {
            (bytes / page.unsigned_abs().max(1)).clamp(1, UNBOUND)
        });
        // A pragma takes no parameters; what stands here is a number.
        let bound = AssertSqlSafe(["PRAGMA max_page_count = ", &pages.to_string()].concat());
        sqlx::query(bound).execute(&mut *writer).await.on(path)?;
        Ok(())
    }
}
