//! What is looked up when a message is sent: the run, the last good one, the end of a log. All of it bounded in time and
//! size; what cannot be had is left out, and the message goes all the same.

use std::time::Duration;

use noctule_core::dag::Dag;
use noctule_core::run::{AttemptState, Run, TaskRunIx};
use noctule_core::word::{LogTail, Message, Occasion};
use noctule_runtime::Surroundings;
use noctule_store::{RunFilter, Store, StoreError};

/// The time for the store.
const STORE: Duration = Duration::from_secs(5);
/// The time for a log.
const LOG: Duration = Duration::from_secs(5);
/// The end of a log that is kept while it is read.
const TAIL: usize = 32 * 1024;
/// The most of a log that is read for its end.
const MOST: usize = 16 * 1024 * 1024;

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) run: Option<(Run, Dag)>,
    pub(crate) good: Option<Run>,
    pub(crate) log: LogTail,
}

pub(crate) async fn find(store: &Store, around: &Surroundings, message: &Message) -> Found {
    let looking = tokio::time::timeout(STORE, look(store, message));
    let mut found = match looking.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the run of a message cannot be read; it is sent without");
            Found::default()
        }
        Err(_) => Found::default(),
    };
    if matches!(
        message.first.occasion,
        Occasion::Failed | Occasion::TimedOut
    ) {
        found.log = tail(around, &found, message).await;
    }
    found
}

async fn look(store: &Store, message: &Message) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let Some(id) = &message.first.run else {
        return Ok(found);
    };
    let Some(run) = store.run(id).await? else {
        return Ok(found);
    };
    let filter = RunFilter {
        dag: Some(run.facts.dag.clone()),
        state: Some("succeeded".to_owned()),
        before: Some(run.facts.id.clone()),
        limit: 1,
        ..RunFilter::default()
    };
    if let Some(good) = store.find_runs(&filter).await?.pop() {
        found.good = store.run(&good.facts.id).await?;
    }
    if let Some(version) = store.version(&run.facts.version).await?
        && let Ok(dag) = Dag::new(version.definition)
    {
        found.run = Some((run, dag));
    }
    Ok(found)
}

/// The end of the log of the attempt that the message is about.
async fn tail(around: &Surroundings, found: &Found, message: &Message) -> LogTail {
    let (Some((run, dag)), Some(task)) = (&found.run, &message.first.task) else {
        return LogTail::None;
    };
    let Some(task_run) = run.tasks.get(TaskRunIx(task.ix).index()) else {
        return LogTail::None;
    };
    let numbered = task_run
        .attempts
        .iter()
        .find(|attempt| Some(attempt.number) == task.attempt);
    let Some(attempt) = numbered else {
        return LogTail::None;
    };
    let AttemptState::Ended(ended) = &attempt.state else {
        return LogTail::None;
    };
    let Some(handle) = &ended.handle else {
        return LogTail::Absent("the work was never started".to_owned());
    };
    let kind = &task_run.definition(dag).executor;
    let connection = attempt.prepared.connection.as_deref();
    let reading = read(around, run, kind, connection, &handle.raw);
    match tokio::time::timeout(LOG, reading).await {
        Ok(Ok(bytes)) => LogTail::Bytes(bytes),
        Ok(Err(error)) => LogTail::Absent(format!("the log cannot be read: {error}")),
        Err(_) => LogTail::Absent("the log could not be read in time".to_owned()),
    }
}

async fn read(
    around: &Surroundings,
    run: &Run,
    kind: &str,
    connection: Option<&str>,
    handle: &serde_json::Value,
) -> Result<Vec<u8>, String> {
    let executor = around.desk.executor(kind)?;
    let context = around.context(run.facts.dag.as_str(), connection);
    let (mut tail, mut cursor, mut total): (Vec<u8>, _, usize) = (Vec::new(), None, 0);
    loop {
        let page = executor.logs(&context, handle, cursor.as_ref()).await;
        let page = page.map_err(|error| error.to_string())?;
        total += page.bytes.len();
        let nothing = page.bytes.is_empty();
        tail.extend_from_slice(&page.bytes);
        let excess = tail.len().saturating_sub(TAIL);
        tail.drain(..excess);
        if page.drained || (page.next.is_none() && nothing) {
            return Ok(tail);
        }
        if total > MOST {
            return Err("it is longer than is read for a message".to_owned());
        }
        cursor = page.next.or(cursor);
    }
}
