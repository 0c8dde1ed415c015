//! The indexes of an execution of several tasks: what became of each, and which of them a further try runs again.
//!
//! `with.retry_failed_indexes` hands the job a list, `NOCTULE_TASK_INDEXES`: the task at position `CLOUD_RUN_TASK_INDEX` of
//! the list does the work of the index that stands there. A first try lists all; a further one lists those that did not
//! succeed, and has as many tasks.
//!
//! Guarantees: pure. An index counts as done only where it is known to have succeeded; where that is not known, it is run
//! again. Indexes are always those of the whole, whatever the try. Nothing here decides how an execution ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::execution::TaskFailure;
use crate::lenient;
use crate::rules::MOST_INDEXES;

/// What became of one index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskResult {
    pub(crate) index: u64,
    pub(crate) state: TaskState,
    /// Absent where it did not exit by itself, or that is not known.
    pub(crate) exit_code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i64>,
    /// How often Cloud Run itself tried it again, in its last execution.
    pub(crate) retried: u64,
}

/// How a task stands in an execution that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskState {
    Succeeded,
    Failed,
    Cancelled,
    /// Not told: it never began, or could not be read.
    #[serde(other)]
    Unknown,
}

impl TaskResult {
    /// Reads a task of an execution; its index is its position there.
    pub(crate) fn read(task: &Value) -> Self {
        let result = task.get("lastAttemptResult");
        let failure = TaskFailure::read(task);
        let exit_code = result.and_then(|result| match &failure {
            Some(failure) => failure.exit_code,
            None => Some(lenient::signed(result, "exitCode").unwrap_or_default()),
        });
        Self {
            index: lenient::count(task, "index"),
            state: state(task, failure.is_some()),
            exit_code,
            signal: failure.and_then(|failure| failure.signal),
            retried: lenient::count(task, "retried"),
        }
    }

    /// An index of which nothing is known but this.
    fn only(index: u64, state: TaskState) -> Self {
        Self {
            index,
            state,
            exit_code: None,
            signal: None,
            retried: 0,
        }
    }
}

/// Success has to be said, and nothing may speak against it.
fn state(task: &Value, failed: bool) -> TaskState {
    let conditions = lenient::list(task, "conditions");
    let completed = conditions.iter().find(|condition| {
        condition
            .get("type")
            .is_some_and(|kind| kind == "Completed")
    });
    let Some(completed) = completed else {
        return match task.get("lastAttemptResult") {
            _ if failed => TaskState::Failed,
            Some(_) => TaskState::Succeeded,
            None => TaskState::Unknown,
        };
    };
    let says = |field: &str, name: &str, number: i64| {
        let names = [(number, name)];
        lenient::name(completed, field, &names).as_deref() == Some(name)
    };
    if says("executionReason", "CANCELLED", 3) {
        TaskState::Cancelled
    } else if failed || says("state", "CONDITION_FAILED", 3) {
        TaskState::Failed
    } else if says("state", "CONDITION_SUCCEEDED", 4) {
        TaskState::Succeeded
    } else {
        TaskState::Unknown
    }
}

/// A try that runs some indexes of a whole, after others have succeeded in earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// How many indexes the whole has.
    pub(crate) task_count: u64,
    /// Those that this try runs, ascending: the task at a position runs the index that stands there.
    pub(crate) indexes: Vec<u64>,
    /// What became of the others, in earlier tries.
    pub(crate) earlier: Vec<TaskResult>,
}

impl Part {
    /// What a try has to run after a failed one; `None`: all of it, since nothing, or nothing certain, is done.
    pub(crate) fn after(failed_before: Option<&Value>, task_count: u64) -> Option<Self> {
        let output = failed_before?;
        // Another count is another division of the work.
        if output.get("task_count").and_then(Value::as_u64) != Some(task_count) {
            return None;
        }
        let told: Vec<TaskResult> = serde_json::from_value(output.get("tasks")?.clone()).ok()?;
        let mut done: BTreeMap<u64, TaskResult> = BTreeMap::new();
        for result in told {
            let twice = done.contains_key(&result.index);
            if result.index >= task_count || twice {
                return None;
            }
            if result.state == TaskState::Succeeded {
                done.insert(result.index, result);
            }
        }
        let indexes: Vec<u64> = (0..task_count)
            .filter(|index| !done.contains_key(index))
            .collect();
        let some = !indexes.is_empty() && !done.is_empty();
        some.then(|| Self {
            task_count,
            indexes,
            earlier: done.into_values().collect(),
        })
    }

    /// The part of a stored request, if it is one.
    pub(crate) fn of_request(document: &Value) -> Option<Self> {
        serde_json::from_value(document.get("part")?.clone()).ok()
    }
}

/// The list that the job is given.
pub(crate) fn listed(part: Option<&Part>, task_count: u64) -> String {
    let text = |indexes: &mut dyn Iterator<Item = u64>| {
        let words: Vec<String> = indexes.map(|index| index.to_string()).collect();
        words.join(",")
    };
    match part {
        Some(part) => text(&mut part.indexes.iter().copied()),
        None => text(&mut (0..task_count)),
    }
}

/// The index of the whole that a task of an execution has run.
pub(crate) fn index_of(part: Option<&Part>, position: u64) -> u64 {
    let of_part = part.and_then(|part| {
        let position = usize::try_from(position).ok()?;
        part.indexes.get(position).copied()
    });
    of_part.unwrap_or(position)
}

/// Adds what became of every index to an output, and makes its counts those of the whole.
///
/// `read` is what the execution's tasks say, by their positions; `left_off` how many of them were not read; `all_good`
/// that the execution succeeded.
pub(crate) fn told(
    output: &mut Value,
    part: Option<&Part>,
    read: Option<Vec<TaskResult>>,
    left_off: u64,
    all_good: bool,
) {
    let mut results: BTreeMap<u64, TaskResult> = BTreeMap::new();
    if let Some(part) = part {
        let unread = match all_good {
            true => TaskState::Succeeded,
            false => TaskState::Unknown,
        };
        let own = part
            .indexes
            .iter()
            .map(|index| TaskResult::only(*index, unread));
        results.extend(own.map(|result| (result.index, result)));
    }
    let mut seen = BTreeSet::new();
    for mut result in read.iter().flatten().cloned() {
        // A position that no index stands at is not ours to explain.
        let known = part.is_none_or(|part| result.index < part.indexes.len() as u64);
        if known && seen.insert(result.index) {
            result.index = index_of(part, result.index);
            results.insert(result.index, result);
        }
    }
    if let Some(part) = part {
        let earlier = part.earlier.iter().cloned();
        results.extend(earlier.map(|result| (result.index, result)));
        let now = output["succeeded_count"].as_u64().unwrap_or_default();
        output["succeeded_count"] = json!(now + part.earlier.len() as u64);
        output["task_count"] = json!(part.task_count);
    }
    if read.is_some() || part.is_some() {
        let most = usize::try_from(MOST_INDEXES).unwrap_or(usize::MAX);
        let cut = results.len().saturating_sub(most) as u64;
        let shown: Vec<TaskResult> = results.into_values().take(most).collect();
        output["tasks"] = json!(shown);
        if left_off + cut > 0 {
            output["tasks_left_off"] = json!(left_off + cut);
        }
    }
}

#[cfg(test)]
#[path = "indexes_tests.rs"]
mod tests;
