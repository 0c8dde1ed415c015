//! The journals of runs as they are read.

use noctule_core::name::RunId;
use noctule_core::run::Record;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::said::On;
use crate::error::StoreError;
use crate::rows::document;

const AFTER: &str = "SELECT seq, body FROM records WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?";

impl SqliteStore {
    /// The journal of a run after a record, in order.
    pub(crate) async fn records(
        &self,
        run: &RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Record)>, StoreError> {
        let path = &self.path;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let query = sqlx::query(AFTER)
            .bind(run.as_str())
            .bind(after)
            .bind(limit);
        let read = |row: &SqliteRow| {
            let (seq, body): (i64, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
            Ok((seq.unsigned_abs(), document(body, "record")?))
        };
        query
            .fetch_all(&self.readers)
            .await
            .on(path)?
            .iter()
            .map(read)
            .collect()
    }
}
