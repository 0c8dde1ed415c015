//! The steps of a commit as rows: one statement for all phases, one for changed facts, one for all task runs, one for all
//! records, sent together
//! with the check of the epoch in a single round trip, however many runs they touch.

use std::path::Path;

use sqlx::{Row, SqliteConnection};

use super::said::On;
use crate::error::StoreError;
use crate::rows::json;
use crate::steps::Steps;

/// Rows come as JSON arrays, so that the text never changes and stays prepared. A document inside keeps its text.
///
/// The first statement answers `EPOCH` while the lease is the latest, the second `PHASE` for each run that it finds. The
/// base of the sequence is the same for all new records of a run: the statement reads the table before it writes.
const WRITE: &str = "\
    SELECT 1 FROM store WHERE epoch = ?; \
    UPDATE runs SET progress = new.progress FROM \
        (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS progress FROM json_each(?)) AS new \
        WHERE runs.id = new.id RETURNING 2; \
    UPDATE runs SET facts = new.facts FROM \
        (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS facts FROM json_each(?)) AS new \
        WHERE runs.id = new.id; \
    INSERT INTO task_runs (run, ix, body) \
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') \
        FROM json_each(?) WHERE true ON CONFLICT (run, ix) DO UPDATE SET body = excluded.body; \
    INSERT INTO records (run, seq, body) \
        SELECT json_extract(value, '$[0]'), \
            (SELECT coalesce(max(seq), 0) FROM records WHERE run = json_extract(value, '$[0]')) \
                + json_extract(value, '$[1]'), \
            json_extract(value, '$[2]') \
        FROM json_each(?)";
const EPOCH: i64 = 1;
const PHASE: i64 = 2;

/// Writes steps if the epoch is the latest.
pub(super) async fn write_steps(
    steps: &Steps<'_>,
    connection: &mut SqliteConnection,
    epoch: i64,
    path: &Path,
) -> Result<(), StoreError> {
    let phases = steps.phases();
    let query = sqlx::query(WRITE).bind(epoch).bind(json(&phases, "run")?);
    let query = query
        .bind(json(&steps.facts(), "run")?)
        .bind(json(&steps.tasks(), "task run")?)
        .bind(json(&steps.records(), "record")?);
    let answers = query.fetch_all(connection).await.on(path)?;
    let answers: Vec<i64> = answers
        .iter()
        .map(|row| row.try_get(0).on(path))
        .collect::<Result<_, _>>()?;
    if !answers.contains(&EPOCH) {
        return Err(StoreError::Fenced(epoch));
    }
    match answers.iter().filter(|answer| **answer == PHASE).count() {
        found if found == phases.len() => Ok(()),
        _ => Err(StoreError::Refused(
            "a step of a run that is not in the store".to_owned(),
        )),
    }
}
