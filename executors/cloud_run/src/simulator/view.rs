//! What a test sees of the simulator: requests and executions, at one moment.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{RecordedRequest, execution::Execution};

/// Everything a condition can be put on.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Every request that arrived, oldest first.
    pub requests: Vec<Arc<RecordedRequest>>,
    /// Every execution there is, oldest first.
    pub executions: Vec<ExecutionView>,
}

/// One execution at one moment.
#[derive(Clone, Debug)]
pub struct ExecutionView {
    /// `projects/P/locations/L/jobs/J/executions/E`
    pub name: String,
    /// The last part of the name.
    pub id: String,
    /// The last part of the job's name.
    pub job: String,
    /// The plain variables of the first container, merged.
    pub env: BTreeMap<String, String>,
    /// The arguments of the first container.
    pub args: Vec<String>,
    /// How many tasks it has.
    pub task_count: u32,
    /// How many tasks are in which state.
    pub counts: Counts,
    /// A container has started.
    pub started: bool,
    /// It has ended, in whatever way.
    pub ended: bool,
    /// Somebody asked for its end.
    pub cancel_requested: bool,
    /// `EXECUTION_PENDING`, `_RUNNING`, `_SUCCEEDED`, `_FAILED`, `_CANCELLED`.
    pub status: String,
    /// The whole answer of `executions.get`.
    pub json: Value,
}

/// How many tasks are in which state, and how often one was tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Running now.
    pub running: u32,
    /// Ended well.
    pub succeeded: u32,
    /// Out of attempts.
    pub failed: u32,
    /// Stopped on request.
    pub cancelled: u32,
    /// Attempts beyond the first, of all tasks.
    pub retried: u32,
}

impl State {
    /// The `run` requests that arrived, whatever was answered.
    pub fn runs(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.sent("POST", ":run")
    }

    /// The `cancel` requests that arrived.
    pub fn cancels(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.sent("POST", ":cancel")
    }

    /// The requests with this method whose path ends so.
    pub fn sent<'a>(
        &'a self,
        method: &'a str,
        path_end: &'a str,
    ) -> impl Iterator<Item = &'a RecordedRequest> {
        let fits = move |request: &&RecordedRequest| {
            request.method == method && request.path.ends_with(path_end)
        };
        self.requests.iter().map(Arc::as_ref).filter(fits)
    }
}

impl ExecutionView {
    pub(crate) fn of(execution: &Execution) -> Self {
        ExecutionView {
            name: execution.name.to_string(),
            id: execution.name.execution.clone(),
            job: execution.name.job.job.clone(),
            env: execution.plan.env(),
            args: execution.plan.args(),
            task_count: execution.plan.task_count,
            counts: execution.counts(),
            started: execution.has_started(),
            ended: execution.is_done(),
            cancel_requested: execution.cancel_requested,
            status: execution.completion_status().to_owned(),
            json: execution.render(),
        }
    }
}
