//! The work that executors find at the places, and what the store says of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::run::{Attempt, AttemptState, Phase, Run};
use noctule_core::sweep::{Found, Recorded};
use noctule_executor::{AnyExecutor, Context, ExecutorError, Owned, Status, Wait};
use noctule_store::{AttemptOfKey, Store};
use serde::Serialize;
use serde_json::Value;

use super::places::{Place, RECENT};
use crate::error::CliError;
use crate::looking::pinned;

/// One piece of work.
pub(super) struct Work {
    pub(super) kind: String,
    pub(super) connection: Option<String>,
    pub(super) executor: Arc<dyn AnyExecutor>,
    pub(super) context: Context,
    pub(super) owned: Owned<Value>,
    /// As people know it.
    pub(super) public: Value,
    pub(super) record: Option<OnRecord>,
}

/// The attempt that the work belongs to.
pub(super) struct OnRecord {
    pub(super) row: RecordRow,
    pub(super) told: Recorded,
}

/// The attempt, as it is printed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RecordRow {
    pub(super) run: String,
    pub(super) task: String,
    pub(super) map_key: Option<String>,
    pub(super) attempt: u32,
    pub(super) state: &'static str,
}

impl Work {
    pub(super) fn found(&self) -> Found<'_> {
        Found {
            key: self.owned.key.as_str(),
            since: self.owned.since,
            record: self.record.as_ref().map(|record| record.told),
        }
    }

    pub(super) async fn poll(&self, patience: Duration) -> Option<Result<Status, ExecutorError>> {
        let handles = std::slice::from_ref(&self.owned.handle);
        let answers = self.executor.poll(&self.context, handles, patience).await;
        answers.into_iter().next()
    }
}

/// All work of our mark, each piece once. A place that fails does not hide the others.
pub(super) async fn find(places: Vec<Place>, unseen: &mut Vec<String>) -> Vec<Work> {
    let (mut works, mut seen) = (Vec::new(), BTreeSet::new());
    for place in places {
        for owned in of_place(&place, unseen).await {
            let public = place.executor.public_handle(&owned.handle);
            // Two connections may lead to the same place.
            if seen.insert((place.kind.clone(), public.to_string())) {
                works.push(Work {
                    kind: place.kind.clone(),
                    connection: place.connection.clone(),
                    executor: Arc::clone(&place.executor),
                    context: place.context.clone(),
                    owned,
                    public,
                    record: None,
                });
            }
        }
    }
    works.sort_by_key(|work| (work.owned.since.is_none(), work.owned.since));
    works
}

async fn of_place(place: &Place, unseen: &mut Vec<String>) -> Vec<Owned<Value>> {
    if let Ok(found) = place.owned(&place.configs).await {
        return found;
    }
    let mut found = Vec::new();
    for config in &place.configs {
        match place.owned(std::slice::from_ref(config)).await {
            Ok(there) => found.extend(there),
            Err(error) => unseen.push(format!("{} at {config}: {error}", place.name())),
        }
    }
    found
}

/// Adds what the store says of each.
pub(super) async fn recorded(
    store: &Store,
    works: &mut [Work],
    now: DateTime<Utc>,
) -> Result<(), CliError> {
    let keys: BTreeSet<String> = works
        .iter()
        .map(|work| work.owned.key.as_str().to_owned())
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = keys.into_iter().collect();
    for of_key in store.attempts_of_keys(&keys, now - RECENT).await? {
        let Some(run) = store.run(&of_key.run).await? else {
            continue;
        };
        let dag = pinned(store, &run).await?;
        let same = works
            .iter_mut()
            .filter(|work| work.owned.key.as_str() == of_key.key);
        for work in same {
            work.record = on_record(&dag, &run, &of_key, &work.public);
        }
    }
    Ok(())
}

fn on_record(dag: &Dag, run: &Run, of_key: &AttemptOfKey, public: &Value) -> Option<OnRecord> {
    let task = run.tasks.get(of_key.task.index())?;
    let attempt = task
        .attempts
        .iter()
        .find(|attempt| attempt.number == of_key.number)?;
    let row = RecordRow {
        run: run.facts.id.to_string(),
        task: task.definition(dag).name.to_string(),
        map_key: task.map_key.clone(),
        attempt: attempt.number,
        state: attempt.state.word(),
    };
    // Work that others use, or that the engine is clearing away, belongs to its run although its attempt has ended.
    let obliged = task
        .obligations
        .iter()
        .any(|obligation| obligation.attempt == attempt.number && obligation.is_open());
    let told = Recorded {
        attempt_ended: matches!(attempt.state, AttemptState::Ended(_)) && !obliged,
        run_ended: matches!(run.phase, Phase::Ended { .. }),
        detached: attempt.prepared.wait == Wait::Detach,
        is_known_work: known(attempt) == Some(public),
    };
    Some(OnRecord { row, told })
}

fn known(attempt: &Attempt) -> Option<&Value> {
    let handle = match &attempt.state {
        AttemptState::Launching(_) => None,
        AttemptState::Running(work) => Some(&work.handle),
        AttemptState::Cancelling(work) => Some(&work.handle),
        AttemptState::Ended(ended) => ended.handle.as_ref(),
    };
    handle.map(|handle| &handle.public)
}
