//! A task of a run, as it is seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attempt::AttemptView;
use super::instant;
use super::task_run_id::TaskRunId;
use super::words::{self, Word};
use crate::dag::Dag;
use crate::name::TaskTarget;
use crate::run::{Instant, Run, TaskRun, TaskState};

/// A task, or one item of a mapped one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskView {
    /// The id of the task run: opaque.
    pub id: String,
    /// Its name.
    pub task: String,
    /// The item, of a mapped task.
    pub map_key: Option<String>,
    /// How it stands, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::task_states")]
    pub state: Word,
    /// Its tries, oldest first.
    pub attempts: Vec<AttemptView>,
    /// The kind of its executor.
    pub executor: String,
    /// The definition of the run has it no longer; what it did before is kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removed: bool,
    /// Why it ended so, where the attempts do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who marked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked_by: Option<String>,
    /// Since when it waits for a slot.
    #[serde(
        default,
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "instant::optional_schema")]
    pub ready_since: Option<Instant>,
    /// When its next try begins.
    #[serde(
        default,
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "instant::optional_schema")]
    pub next_try_at: Option<Instant>,
    /// When it ended.
    #[serde(
        default,
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "instant::optional_schema")]
    pub ended_at: Option<Instant>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl TaskView {
    pub(super) fn of(dag: &Dag, whole: &Run, run: &TaskRun) -> Self {
        let task = run.definition(dag);
        let end = run.end();
        let id = TaskRunId {
            run: whole.facts.id.clone(),
            target: TaskTarget {
                task: task.name.clone(),
                key: run.map_key.clone(),
            },
        };
        Self {
            id: id.to_string(),
            task: task.name.to_string(),
            map_key: run.map_key.clone(),
            state: run.state.word(),
            attempts: run.attempts.iter().map(AttemptView::of).collect(),
            executor: task.executor.clone(),
            removed: run.gone.is_some(),
            why: end.and_then(|end| end.why.clone()),
            marked_by: end
                .and_then(|end| end.marked_by.as_ref())
                .map(|by| by.name.clone()),
            ready_since: match &run.state {
                TaskState::Ready { since } => Some(*since),
                _ => None,
            },
            next_try_at: match &run.state {
                TaskState::Backoff { until } => Some(*until),
                _ => None,
            },
            ended_at: end.map(|end| end.at),
        }
    }
}
