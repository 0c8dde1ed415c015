//! Where work was started, and which attempt a key belongs to. Documents are read here and not by the server, which
//! refuses to look into a text with \u0000.

use chrono::{DateTime, Utc};
use noctule_core::name::NameError;
use noctule_core::run::{Nature, TaskRun, TaskRunIx};
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::readers::steadily;
use super::said::{At, corrupt};
use crate::error::StoreError;
use crate::places::{AttemptOfKey, AttemptPlace};
use crate::rows::{document, written};

const PLACES: &str = "SELECT runs.dag, runs.version, task_runs.body \
    FROM noctule.runs JOIN noctule.task_runs ON task_runs.run = runs.id \
    WHERE runs.created_at >= $1 OR runs.state IN ('queued', 'running')";
const RECENT_KEYS: &str = "SELECT task_runs.run, task_runs.ix, task_runs.body \
    FROM noctule.runs JOIN noctule.task_runs ON task_runs.run = runs.id \
    WHERE (runs.created_at >= $1 OR runs.state IN ('queued', 'running')) \
        AND EXISTS (SELECT FROM unnest($2::text[]) AS key WHERE strpos(task_runs.body, key) > 0)";
const ALL_KEYS: &str = "SELECT run, ix, body FROM noctule.task_runs \
    WHERE EXISTS (SELECT FROM unnest($1::text[]) AS key WHERE strpos(body, key) > 0)";

impl PostgresStore {
    pub(crate) async fn attempt_places(
        &self,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<AttemptPlace>, StoreError> {
        let rows = steadily!(self, connection => {
            let query = sqlx::query(PLACES).bind(written(since));
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        let mut places: Vec<AttemptPlace> = Vec::new();
        for row in &rows {
            for place in self.places_of(row)? {
                if places.len() < limit as usize && !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        Ok(places)
    }

    pub(crate) async fn attempts_of_keys(
        &self,
        keys: &[String],
        since: DateTime<Utc>,
    ) -> Result<Vec<AttemptOfKey>, StoreError> {
        let recent = steadily!(self, connection => {
            let query = sqlx::query(RECENT_KEYS).bind(written(since)).bind(keys);
            query.fetch_all(connection).await.at(&self.server.place)
        })?;
        let mut found = self.of_keys(&recent, keys)?;
        let is_missing = |key: &&String| found.iter().all(|known| known.key != **key);
        let missing: Vec<String> = keys.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            let all = steadily!(self, connection => {
                let query = sqlx::query(ALL_KEYS).bind(&missing);
                query.fetch_all(connection).await.at(&self.server.place)
            })?;
            found.extend(self.of_keys(&all, &missing)?);
        }
        Ok(found)
    }

    fn places_of(&self, row: &PgRow) -> Result<Vec<AttemptPlace>, StoreError> {
        let at = &self.server.place;
        let (dag, version): (&str, &str) = (row.try_get(0).at(at)?, row.try_get(1).at(at)?);
        let task: TaskRun = document(row.try_get(2).at(at)?, "task run")?;
        let gone = task.gone.map(|gone| gone.executor);
        let remote = task
            .attempts
            .into_iter()
            .filter(|attempt| attempt.prepared.nature == Nature::Remote);
        remote
            .map(|attempt| {
                let mut config = attempt.prepared.config;
                // What is handed to the work never says where it is, and differs for each run.
                if let Value::Object(table) = &mut config {
                    table.remove("env");
                    table.remove("args");
                }
                Ok(AttemptPlace {
                    dag: self.named(dag)?,
                    version: self.named(version)?,
                    task: task.task,
                    gone: gone.clone(),
                    connection: attempt.prepared.connection,
                    config,
                })
            })
            .collect()
    }

    fn of_keys(&self, rows: &[PgRow], keys: &[String]) -> Result<Vec<AttemptOfKey>, StoreError> {
        let at = &self.server.place;
        let mut found = Vec::new();
        for row in rows {
            let (run, ix): (&str, i64) = (row.try_get(0).at(at)?, row.try_get(1).at(at)?);
            let task: TaskRun = document(row.try_get(2).at(at)?, "task run")?;
            let ix = u32::try_from(ix).map_err(|error| corrupt(at, error.to_string()))?;
            for attempt in &task.attempts {
                let key = attempt.key.to_string();
                if keys.contains(&key) {
                    found.push(AttemptOfKey {
                        key,
                        run: self.named(run)?,
                        task: TaskRunIx(ix),
                        number: attempt.number,
                    });
                }
            }
        }
        Ok(found)
    }

    fn named<T>(&self, text: &str) -> Result<T, StoreError>
    where
        T: std::str::FromStr<Err = NameError>,
    {
        text.parse()
            .map_err(|error: T::Err| corrupt(&self.server.place, error.to_string()))
    }
}
