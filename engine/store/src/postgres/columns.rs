//! How the tasks of several runs stand, in one read.

use noctule_core::name::{NameError, RunId};
use noctule_core::run::TaskRunIx;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::columns::TaskStanding;
use crate::error::StoreError;

const STANDINGS: &str = "SELECT run, ix, body FROM noctule.task_runs \
    WHERE run = ANY($1::text[]) AND ix < $2 ORDER BY run, ix";
/// One look into the index for each run; a GROUP BY would walk over every record.
const LAST: &str = "SELECT wanted.run, \
        coalesce((SELECT max(seq) FROM noctule.records WHERE records.run = wanted.run), 0) \
    FROM unnest($1::text[]) AS wanted (run)";

impl PostgresStore {
    pub(crate) async fn standings(
        &self,
        runs: &[RunId],
        below: u32,
    ) -> Result<Vec<TaskStanding>, StoreError> {
        let place = &self.server.place;
        let wanted = texts(runs);
        let rows = steadily!(self, connection => {
            let query = sqlx::query(STANDINGS).bind(&wanted).bind(i64::from(below));
            query.fetch_all(connection).await.at(place)
        })?;
        let standing = |row: &PgRow| {
            let ix: i64 = row.try_get(1).at(place)?;
            let ix = TaskRunIx(u32::try_from(ix).unwrap_or(u32::MAX));
            TaskStanding::of(self.run_id(row)?, ix, row.try_get(2).at(place)?)
        };
        rows.iter().map(standing).collect()
    }

    pub(crate) async fn last_records(
        &self,
        runs: &[RunId],
    ) -> Result<Vec<(RunId, u64)>, StoreError> {
        let place = &self.server.place;
        let wanted = texts(runs);
        let rows = steadily!(self, connection => {
            let query = sqlx::query(LAST).bind(&wanted);
            query.fetch_all(connection).await.at(place)
        })?;
        let last = |row: &PgRow| {
            let seq: i64 = row.try_get(1).at(place)?;
            Ok((self.run_id(row)?, seq.unsigned_abs()))
        };
        rows.iter().map(last).collect()
    }

    fn run_id(&self, row: &PgRow) -> Result<RunId, StoreError> {
        let place = &self.server.place;
        let id: &str = row.try_get(0).at(place)?;
        id.parse()
            .map_err(|error: NameError| corrupt(place, error.to_string()))
    }
}

fn texts(runs: &[RunId]) -> Vec<String> {
    runs.iter().map(|run| run.as_str().to_owned()).collect()
}
