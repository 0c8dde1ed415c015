//! A task of a run, as it is seen.

use serde::Serialize;

use super::attempt::AttemptView;
use super::instant;
use crate::dag::Dag;
use crate::run::{Instant, TaskRun, TaskState};

/// A task, or one item of a mapped one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView {
    /// Its name.
    pub task: String,
    /// The item, of a mapped task.
    pub map_key: Option<String>,
    /// How it stands, by the word of the contract.
    pub state: &'static str,
    /// Its tries, oldest first.
    pub attempts: Vec<AttemptView>,
    /// The kind of its executor.
    pub executor: String,
    /// Why it ended so, where the attempts do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who marked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked_by: Option<String>,
    /// Since when it waits for a slot.
    #[serde(
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub ready_since: Option<Instant>,
    /// When its next try begins.
    #[serde(
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_try_at: Option<Instant>,
    /// When it ended.
    #[serde(
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub ended_at: Option<Instant>,
}

impl TaskView {
    pub(super) fn of(dag: &Dag, run: &TaskRun) -> Self {
        let task = dag.task(run.task);
        let end = run.end();
        Self {
            task: task.name.to_string(),
            map_key: run.map_key.clone(),
            state: run.state.word(),
            attempts: run.attempts.iter().map(AttemptView::of).collect(),
            executor: task.executor.clone(),
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
