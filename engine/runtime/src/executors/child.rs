//! How the run of another DAG ended, as the outcome of the task that waits for it.

use noctule_core::dag::Definition;
use noctule_core::name::RunId;
use noctule_core::run::{AttemptEnd, AttemptState, Phase, Run, RunEnding, TaskRun, Verdict};
use noctule_executor::{ErrorClass, ExecutorError, Finished, Outcome, Status};
use noctule_store::Store;
use serde_json::{Map, Value, json};

use super::unread;

/// All outputs that are handed on take at most so many bytes; the rest is named.
const OUTPUTS: usize = 64 * 1024;
/// Failed tasks that are told with their message.
const TOLD: usize = 5;

/// How the run stands now.
pub(super) async fn status(store: &Store, id: &RunId) -> Result<Status, ExecutorError> {
    let said = |error| unread(&format!("run {id}"), &error);
    let lost = || Status::Lost {
        reason: format!("run {id} is not in the store any more"),
    };
    let Some(summary) = store.summary(id).await.map_err(said)? else {
        return Ok(lost());
    };
    match summary.phase {
        Phase::Queued { .. } => return Ok(Status::Launching),
        Phase::Running { started_at, .. } => {
            return Ok(Status::Running {
                started_at: Some(started_at),
                poll_after: None,
            });
        }
        Phase::Ended { .. } => {}
    }
    let Some(run) = store.run(id).await.map_err(said)? else {
        return Ok(lost());
    };
    let version = store.version(&run.facts.version).await.map_err(said)?;
    let version = version.ok_or_else(|| {
        let hash = run.facts.version.short();
        ExecutorError::unavailable(format!("version {hash} of run {id} is not in the store"))
    })?;
    // It may have been retried between the two reads.
    Ok(finished(&run, &version.definition).map_or(
        Status::Running {
            started_at: None,
            poll_after: None,
        },
        Status::Finished,
    ))
}

/// The verdict on a run that is over; none: it is not.
fn finished(run: &Run, definition: &Definition) -> Option<Finished> {
    let Phase::Ended {
        ending,
        started_at,
        at,
    } = &run.phase
    else {
        return None;
    };
    let outcome = match ending {
        RunEnding::Succeeded => Outcome::Succeeded {
            output: with_outputs(run, definition),
        },
        RunEnding::Cancelled => Outcome::Cancelled {
            by: None,
            output: Some(facts(run)),
        },
        RunEnding::Failed | RunEnding::TimedOut => {
            let failed = failed(run, definition);
            let message = message(run, &failed);
            let mut output = facts(run);
            output["failed"] = failed.iter().map(|(name, _)| json!(name)).collect();
            Outcome::failed(ErrorClass::User, message, Some(output))
        }
    };
    Some(Finished {
        outcome,
        started_at: *started_at,
        ended_at: Some(*at),
    })
}

/// Which run it is, and how it stands.
pub(super) fn facts(run: &Run) -> Value {
    json!({
        "run": run.facts.id,
        "dag": run.facts.dag,
        "state": run.phase.word(),
        "ingestion_id": run.facts.ingestion_id,
        "logical_time": run.facts.logical_time,
    })
}

/// The outputs of its tasks, those of a mapped task as a list, as far as they fit.
fn with_outputs(run: &Run, definition: &Definition) -> Value {
    let mut outputs: Map<String, Value> = Map::new();
    for task in &run.tasks {
        let (Some(name), Some(output)) = (name(task, definition), task.output()) else {
            continue;
        };
        if task.map_key.is_none() {
            outputs.insert(name, output.clone());
        } else if let Value::Array(items) = outputs
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            items.push(output.clone());
        }
    }
    let mut left = OUTPUTS;
    let mut left_out = Vec::new();
    outputs.retain(|name, output| {
        let size = name.len() + output.to_string().len();
        let fits = size <= left;
        if fits {
            left -= size;
        } else {
            left_out.push(name.clone());
        }
        fits
    });
    let mut all = facts(run);
    all["outputs"] = Value::Object(outputs);
    if !left_out.is_empty() {
        all["outputs_left_out"] = json!(left_out);
    }
    all
}

/// The tasks that failed it, with what they said.
fn failed(run: &Run, definition: &Definition) -> Vec<(String, String)> {
    let failed = run.tasks.iter().filter(|task| {
        let bad = |verdict| matches!(verdict, Verdict::Failed | Verdict::TimedOut);
        let counts = definition.tasks.get(task.task.index());
        counts.is_some_and(|task| !task.may_fail) && task.end().is_some_and(|end| bad(end.verdict))
    });
    failed
        .filter_map(|task| {
            let name = name(task, definition)?;
            let name = match &task.map_key {
                Some(key) => format!("{name}[{key}]"),
                None => name,
            };
            Some((name, said(task)))
        })
        .collect()
}

fn message(run: &Run, failed: &[(String, String)]) -> String {
    let facts = &run.facts;
    let mut message = format!("run {} of `{}` {}", facts.id, facts.dag, ended(run));
    for (at, (name, said)) in failed.iter().take(TOLD).enumerate() {
        let before = if at == 0 { ": " } else { "; " };
        message.push_str(&format!("{before}`{name}` {said}"));
    }
    if failed.len() > TOLD {
        message.push_str(&format!("; and {} more", failed.len() - TOLD));
    }
    message
}

fn ended(run: &Run) -> &'static str {
    match run.phase {
        Phase::Ended {
            ending: RunEnding::TimedOut,
            ..
        } => "timed out",
        _ => "failed",
    }
}

/// What a task that failed said last.
fn said(task: &TaskRun) -> String {
    let end = task.end();
    if let Some(why) = end.and_then(|end| end.why.as_ref()) {
        return format!("failed: {why}");
    }
    match task.attempts.last().map(|attempt| &attempt.state) {
        Some(AttemptState::Ended(over)) => match &over.end {
            AttemptEnd::Failed { class, message, .. } => format!("failed ({class}): {message}"),
            AttemptEnd::TimedOut { message, .. } => format!("timed out: {message}"),
            _ => "failed".to_owned(),
        },
        _ => "failed".to_owned(),
    }
}

fn name(task: &TaskRun, definition: &Definition) -> Option<String> {
    let task = definition.tasks.get(task.task.index())?;
    Some(task.name.to_string())
}
