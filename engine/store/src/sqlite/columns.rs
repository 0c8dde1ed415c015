//! How the tasks of several runs stand, in one read.

use noctule_core::name::{NameError, RunId};
use noctule_core::run::TaskRunIx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::said::{self, On};
use crate::columns::TaskStanding;
use crate::error::StoreError;
use crate::rows::json;

const STANDINGS: &str = "SELECT run, ix, body FROM task_runs \
    WHERE run IN (SELECT value FROM json_each(?)) AND ix < ? ORDER BY run, ix";
/// One look into the index for each run; a GROUP BY would walk over every record.
const LAST: &str = "SELECT value, coalesce((SELECT max(seq) FROM records WHERE run = value), 0) \
    FROM json_each(?)";

impl SqliteStore {
    pub(crate) async fn standings(
        &self,
        runs: &[RunId],
        below: u32,
    ) -> Result<Vec<TaskStanding>, StoreError> {
        let path = &self.path;
        let query = sqlx::query(STANDINGS).bind(json(runs, "runs")?).bind(below);
        let rows = query.fetch_all(&self.readers).await.on(path)?;
        let standing = |row: &SqliteRow| {
            let ix = TaskRunIx(row.try_get(1).on(path)?);
            TaskStanding::of(self.run_id(row)?, ix, row.try_get(2).on(path)?)
        };
        rows.iter().map(standing).collect()
    }

    pub(crate) async fn last_records(
        &self,
        runs: &[RunId],
    ) -> Result<Vec<(RunId, u64)>, StoreError> {
        let path = &self.path;
        let query = sqlx::query(LAST).bind(json(runs, "runs")?);
        let rows = query.fetch_all(&self.readers).await.on(path)?;
        let last = |row: &SqliteRow| {
            let seq: i64 = row.try_get(1).on(path)?;
            Ok((self.run_id(row)?, seq.unsigned_abs()))
        };
        rows.iter().map(last).collect()
    }

    fn run_id(&self, row: &SqliteRow) -> Result<RunId, StoreError> {
        let id: &str = row.try_get(0).on(&self.path)?;
        id.parse()
            .map_err(|error: NameError| said::corrupt(&self.path, error.to_string()))
    }
}
