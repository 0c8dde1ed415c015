//! What the state machine asks of its surroundings: all of it pure and synchronous.

use noctule_executor::AttemptKey;
use serde_json::Value;

use super::attempt::Prepared;
use super::state::{Instant, Run, TaskRunIx};
use crate::dag::Dag;

/// Renders, asks executors for requests, names attempts. Never does I/O.
pub trait Port {
    /// The key of an attempt.
    fn key(&self, dag: &Dag, run: &Run, task: TaskRunIx, number: u32) -> AttemptKey;

    /// Renders the task's `with` table and asks its executor for the request.
    ///
    /// # Errors
    /// One line for people: the attempt ends as `config`.
    fn prepare(&self, dag: &Dag, run: &Run, attempt: &Intent<'_>) -> Result<Prepared, String>;

    /// The items of a mapped task or a group: name and value, in the order of the list.
    ///
    /// # Errors
    /// One line for people (no list, a name twice, a name that is too long): the task fails as `config`.
    fn items(&self, dag: &Dag, run: &Run, head: TaskRunIx) -> Result<Vec<(String, Value)>, String>;

    /// Judges one of the task's expressions, on an output where there is one.
    ///
    /// # Errors
    /// One line for people: the task fails as `config`.
    fn holds(
        &self,
        dag: &Dag,
        run: &Run,
        task: TaskRunIx,
        expression: &str,
        output: Option<&Value>,
    ) -> Result<bool, String>;
}

/// An attempt that is about to be intended.
#[derive(Debug, Clone)]
pub struct Intent<'a> {
    /// The task run.
    pub task: TaskRunIx,
    /// Its number.
    pub number: u32,
    /// Its key.
    pub key: &'a AttemptKey,
    /// Now.
    pub at: Instant,
}
