//! How the tasks of several runs stand, in short: what a picture of many runs needs, and nothing else of them.

use noctule_core::dag::TaskIx;
use noctule_core::name::RunId;
use noctule_core::run::{TaskRunIx, TaskState};
use serde::Deserialize;

use crate::error::StoreError;
use crate::rows::document;
use crate::store::{Store, either};

/// How one task of a run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskStanding {
    /// The run.
    pub run: RunId,
    /// Which of its task runs.
    pub ix: TaskRunIx,
    /// The task.
    pub task: TaskIx,
    /// How it stands.
    pub state: TaskState,
}

/// What is read of a task run. The rest of the document is passed over.
#[derive(Deserialize)]
pub(crate) struct Short {
    task: TaskIx,
    state: TaskState,
}

impl TaskStanding {
    pub(crate) fn of(run: RunId, ix: TaskRunIx, body: &str) -> Result<Self, StoreError> {
        let Short { task, state } = document(body, "task run")?;
        Ok(Self {
            run,
            ix,
            task,
            state,
        })
    }
}

impl Store {
    /// How the first `below` task runs of these runs stand: with as many as its DAG has tasks outside of groups, all tasks
    /// and groups without the items of mapped ones. A run that took another definition has them where its line says.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn standings(
        &self,
        runs: &[RunId],
        below: u32,
    ) -> Result<Vec<TaskStanding>, StoreError> {
        either!(self, backend => Box::pin(backend.standings(runs, below)).await)
    }

    /// The number of the last record of each of these runs; 0 for one without any. A run whose number is what it was has not
    /// changed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_records(&self, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, StoreError> {
        either!(self, backend => Box::pin(backend.last_records(runs)).await)
    }
}
