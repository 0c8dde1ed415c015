//! What a hop of a run costs: one statement text for everything that steps change, however many runs and tasks they touch.
//!
//! A call into SQLite crosses two threads, so the fence, the phases, the task runs and the records go in one call; that is
//! most of the time of a commit, next to making it durable.

use noctule_core::run::{Phase, Record, Run, Step, TaskRun};
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::error::StoreError;
use crate::lock::Lease;

/// A run, what changed in it, and whether its own row is to be written.
pub(crate) type Changed<'a> = (&'a Run, &'a Step, bool);

/// The fence gives a row exactly if the epoch is the lease's. Records of a run are numbered from the last one there is: the
/// statement reads the table before it writes.
const HOP: &str = "UPDATE store SET commits = commits + 1 WHERE epoch = ? RETURNING epoch; \
    UPDATE runs SET progress = new.progress FROM \
        (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS progress FROM json_each(?)) AS new \
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

#[derive(Serialize)]
struct Progress<'a> {
    round: u32,
    phase: &'a Phase,
}

/// How a run stands, without its facts and its tasks.
pub(crate) fn progress(run: &Run) -> Result<String, StoreError> {
    serde_json::to_string(&progress_of(run)).map_err(StoreError::document("run"))
}

fn progress_of(run: &Run) -> Progress<'_> {
    Progress {
        round: run.round,
        phase: &run.phase,
    }
}

/// Writes steps inside a transaction; with a lease, only under its epoch.
///
/// # Errors
/// `Fenced`, or what the database says; the caller rolls back.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    lease: Option<&Lease>,
    steps: &[Changed<'_>],
) -> Result<(), StoreError> {
    // Without a lease the epoch was checked before; no epoch is negative, so nothing is counted twice.
    let epoch = lease.map_or(-1, |lease| lease.epoch);
    let fenced = sqlx::query(HOP)
        .bind(epoch)
        .bind(rows(steps, "run", phase_rows)?)
        .bind(rows(steps, "task run", task_rows)?)
        .bind(rows(steps, "record", record_rows)?)
        .fetch_all(connection)
        .await?
        .is_empty();
    match lease {
        Some(lease) if fenced => Err(StoreError::Fenced(lease.epoch)),
        _ => Ok(()),
    }
}

/// The rows of all steps, as one JSON document.
fn rows<'a, T: Serialize, I: IntoIterator<Item = T>>(
    steps: &[Changed<'a>],
    what: &'static str,
    of: impl Fn(Changed<'a>) -> I,
) -> Result<String, StoreError> {
    let rows: Vec<T> = steps.iter().copied().flat_map(of).collect();
    serde_json::to_string(&rows).map_err(StoreError::document(what))
}

fn phase_rows((run, _, changed): Changed<'_>) -> Option<(&str, Progress<'_>)> {
    changed.then(|| (run.facts.id.as_str(), progress_of(run)))
}

fn task_rows<'a>((run, step, _): Changed<'a>) -> impl Iterator<Item = (&'a str, u32, &'a TaskRun)> {
    let id = run.facts.id.as_str();
    step.touched
        .iter()
        .filter_map(move |ix| Some((id, ix.0, run.tasks.get(ix.index())?)))
}

fn record_rows<'a>(
    (run, step, _): Changed<'a>,
) -> impl Iterator<Item = (&'a str, usize, &'a Record)> {
    let id = run.facts.id.as_str();
    (1..)
        .zip(&step.records)
        .map(move |(ordinal, record)| (id, ordinal, record))
}
