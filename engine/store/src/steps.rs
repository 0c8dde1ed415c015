//! The steps of a commit as rows: one statement for all phases, one for all task runs, one for all records, sent together
//! with the check of the epoch in a single round trip, however many runs they touch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use noctule_core::run::{Phase, Record, Run, Step, TaskRun, TaskRunIx};
use serde::Serialize;
use sqlx::{Row, SqliteConnection};

use crate::error::{On, StoreError};
use crate::rows::json;

/// Rows come as JSON arrays, so that the text never changes and stays prepared. A document inside keeps its text.
///
/// The first statement answers `EPOCH` while the lease is the latest, the second `PHASE` for each run that it finds. The
/// base of the sequence is the same for all new records of a run: the statement reads the table before it writes.
const WRITE: &str = "\
    SELECT 1 FROM store WHERE epoch = ?; \
    UPDATE runs SET progress = new.progress FROM \
        (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS progress FROM json_each(?)) AS new \
        WHERE runs.id = new.id RETURNING 2; \
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

/// The part of a run's row that changes.
#[derive(Serialize)]
pub(crate) struct Progress<'a> {
    round: u32,
    phase: &'a Phase,
}

impl<'a> Progress<'a> {
    pub(crate) fn of(run: &'a Run) -> Self {
        Self {
            round: run.round,
            phase: &run.phase,
        }
    }
}

/// What changed in one run.
struct Change<'a> {
    run: &'a Run,
    progress: bool,
    touched: BTreeSet<TaskRunIx>,
    records: Vec<&'a Record>,
}

/// What changed, each run once: a statement that meets the same row twice would keep either.
#[derive(Default)]
pub(crate) struct Steps<'a>(BTreeMap<&'a str, Change<'a>>);

impl<'a> Steps<'a> {
    /// Adds a step; a later one of the same run knows better how it stands.
    pub(crate) fn add(&mut self, run: &'a Run, step: &'a Step, progress: bool) {
        let fresh = || Change {
            run,
            progress: false,
            touched: BTreeSet::new(),
            records: Vec::new(),
        };
        let change = self.0.entry(run.facts.id.as_str()).or_insert_with(fresh);
        change.run = run;
        change.progress |= progress;
        change.touched.extend(&step.touched);
        change.records.extend(&step.records);
    }

    /// Writes them if the epoch is the latest.
    pub(crate) async fn write(
        &self,
        connection: &mut SqliteConnection,
        epoch: i64,
        path: &Path,
    ) -> Result<(), StoreError> {
        let phases: Vec<_> = self
            .0
            .iter()
            .filter(|(_, change)| change.progress)
            .map(phase)
            .collect();
        let tasks: Vec<_> = self.0.iter().flat_map(tasks).collect();
        let records: Vec<_> = self.0.iter().flat_map(records).collect();
        let query = sqlx::query(WRITE).bind(epoch).bind(json(&phases, "run")?);
        let query = query
            .bind(json(&tasks, "task run")?)
            .bind(json(&records, "record")?);
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
}

fn phase<'a>((id, change): (&&'a str, &Change<'a>)) -> (&'a str, Progress<'a>) {
    (id, Progress::of(change.run))
}

fn tasks<'a>((id, change): (&&'a str, &Change<'a>)) -> Vec<(&'a str, u32, &'a TaskRun)> {
    let row = |ix: &TaskRunIx| Some((*id, ix.0, change.run.tasks.get(ix.index())?));
    change.touched.iter().filter_map(row).collect()
}

fn records<'a>((id, change): (&&'a str, &Change<'a>)) -> Vec<(&'a str, usize, &'a Record)> {
    (1..)
        .zip(&change.records)
        .map(|(ordinal, record)| (*id, ordinal, *record))
        .collect()
}
