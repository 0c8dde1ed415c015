//! The ledger of starts: which key started how many tasks. It forgets nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{run_request::RunTask, task::Task};

/// The variable that carries the key of an attempt.
const KEY: &str = "NOCTULE_ATTEMPT_KEY";

/// One task that was started by a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The task.
    pub task_arn: String,
    /// The key of the attempt: the variable of an override, else `startedBy`, else the client token.
    pub key: Option<String>,
    /// `clientToken`.
    pub client_token: Option<String>,
    /// `startedBy`.
    pub started_by: Option<String>,
}

impl Start {
    pub(crate) fn of(task: &Task) -> Self {
        let request: &RunTask = &task.request;
        let containers = task.containers.iter();
        let from_env = containers
            .filter_map(|one| request.overrides.env(&one.name).remove(KEY))
            .next();
        Start {
            task_arn: task.arn.clone(),
            key: from_env
                .or_else(|| request.started_by.clone())
                .or_else(|| request.client_token.clone()),
            client_token: request.client_token.clone(),
            started_by: request.started_by.clone(),
        }
    }
}

/// How many tasks each key started; a start without any key counts under the task's own ARN.
pub(crate) fn ledger(starts: &[Start]) -> BTreeMap<String, usize> {
    let mut ledger = BTreeMap::new();
    for start in starts {
        let key = start.key.clone().unwrap_or_else(|| start.task_arn.clone());
        *ledger.entry(key).or_default() += 1;
    }
    ledger
}
