//! Where work was started, and which attempt a key belongs to: what a sweep of remote work asks the store.
//!
//! Guarantees: a key is looked for in every run, the recent and the live ones first, so that "no such attempt" is true.

use chrono::{DateTime, Utc};
use noctule_core::dag::TaskIx;
use noctule_core::run::TaskRunIx;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::said::{self, On};
use crate::error::StoreError;
use crate::places::{AttemptOfKey, AttemptPlace};
use crate::rows::{document, json, written};

/// What is handed to the work never says where it is, and differs for each run.
const PLACES: &str = "\
    SELECT DISTINCT runs.dag, runs.version, json_extract(task_runs.body, '$.task'), json_extract(task_runs.body, '$.gone.executor'), \
        json_extract(attempt.value, '$.prepared.connection'), \
        json_remove(json_extract(attempt.value, '$.prepared.config'), '$.env', '$.args') \
    FROM runs JOIN task_runs ON task_runs.run = runs.id, json_each(task_runs.body, '$.attempts') AS attempt \
    WHERE (runs.created_at >= ? OR runs.state IN ('queued', 'running')) \
        AND json_extract(attempt.value, '$.prepared.nature') = 'remote' \
    LIMIT ?";
const RECENT_KEYS: &str = "\
    SELECT task_runs.run, task_runs.ix, json_extract(attempt.value, '$.number'), json_extract(attempt.value, '$.key') \
    FROM runs JOIN task_runs ON task_runs.run = runs.id, json_each(task_runs.body, '$.attempts') AS attempt \
    WHERE (runs.created_at >= ? OR runs.state IN ('queued', 'running')) \
        AND json_extract(attempt.value, '$.key') IN (SELECT value FROM json_each(?))";
/// Texts are compared before any is read: there may be very many.
const ALL_KEYS: &str = "\
    SELECT task_runs.run, task_runs.ix, json_extract(attempt.value, '$.number'), json_extract(attempt.value, '$.key') \
    FROM task_runs, json_each(task_runs.body, '$.attempts') AS attempt \
    WHERE EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE instr(task_runs.body, wanted.value) > 0) \
        AND json_extract(attempt.value, '$.key') IN (SELECT value FROM json_each(?))";

impl SqliteStore {
    /// The different places of remote work of runs that are live or were created since an instant, at most `limit`.
    pub(crate) async fn attempt_places(
        &self,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<AttemptPlace>, StoreError> {
        let query = sqlx::query(PLACES).bind(written(since)).bind(limit);
        let rows = query.fetch_all(&self.readers).await.on(&self.path)?;
        rows.iter().map(|row| self.attempt_place(row)).collect()
    }

    /// The attempts of these keys. Those of runs that are live or were created since an instant are found quickly.
    pub(crate) async fn attempts_of_keys(
        &self,
        keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<AttemptOfKey>, StoreError> {
        let path = &self.path;
        let recent = sqlx::query(RECENT_KEYS)
            .bind(written(since))
            .bind(json(keys, "keys")?);
        let rows = recent.fetch_all(&self.readers).await.on(path)?;
        let mut found: Vec<AttemptOfKey> = rows
            .iter()
            .map(|row| self.of_key(row))
            .collect::<Result<_, _>>()?;
        let missing: Vec<&String> = keys
            .iter()
            .filter(|key| found.iter().all(|known| known.key != **key))
            .collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let missing = json(&missing, "keys")?;
        let all = sqlx::query(ALL_KEYS).bind(&missing).bind(&missing);
        for row in all.fetch_all(&self.readers).await.on(path)? {
            found.push(self.of_key(&row)?);
        }
        Ok(found)
    }

    fn attempt_place(&self, row: &SqliteRow) -> Result<AttemptPlace, StoreError> {
        let path = &self.path;
        let (dag, version): (&str, &str) = (row.try_get(0).on(path)?, row.try_get(1).on(path)?);
        let task: u32 = row.try_get(2).on(path)?;
        let config: &str = row.try_get(5).on(path)?;
        Ok(AttemptPlace {
            dag: self.name(dag)?,
            version: self.name(version)?,
            task: TaskIx(task),
            gone: row.try_get(3).on(path)?,
            connection: row.try_get(4).on(path)?,
            config: document(config, "configuration")?,
        })
    }

    fn of_key(&self, row: &SqliteRow) -> Result<AttemptOfKey, StoreError> {
        let path = &self.path;
        let (run, key): (&str, &str) = (row.try_get(0).on(path)?, row.try_get(3).on(path)?);
        Ok(AttemptOfKey {
            key: key.to_owned(),
            run: self.name(run)?,
            task: TaskRunIx(row.try_get(1).on(path)?),
            number: row.try_get(2).on(path)?,
        })
    }

    fn name<T>(&self, text: &str) -> Result<T, StoreError>
    where
        T: std::str::FromStr<Err = noctule_core::name::NameError>,
    {
        text.parse()
            .map_err(|error: T::Err| said::corrupt(&self.path, error.to_string()))
    }
}
