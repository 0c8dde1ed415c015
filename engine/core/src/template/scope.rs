//! What a template may look at.
//!
//! Everything is borrowed from the state of the run and looked up only when an expression names it: making a scope
//! costs nothing, however many tasks the run has. A part that is `None` is a root that is not known in that place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The facts an expression may name.
#[derive(Clone, Copy, Default)]
pub struct Scope<'a> {
    /// `run`.
    pub run: Option<&'a RunScope>,
    /// `dag`.
    pub dag: Option<&'a DagScope>,
    /// `task`.
    pub task: Option<&'a TaskScope>,
    /// `params`, with defaults filled in; one that is absent is none.
    pub params: Option<&'a Map<String, Value>>,
    /// `vars`.
    pub vars: Option<&'a Map<String, Value>>,
    /// `tasks.NAME.output`.
    pub outputs: Option<&'a dyn Outputs>,
    /// `item`, in a mapped task.
    pub item: Option<&'a Value>,
    /// `output`, in the judgements `success` and `skip_when`.
    pub output: Option<&'a Value>,
    /// `answer`, for an executor that judges the answers it polls.
    pub answer: Option<&'a Value>,
}

/// `run`. Instants are written as RFC 3339 in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunScope {
    /// `run.id`.
    pub id: String,
    /// `run.ingestion_id`; none for a DAG that has none.
    pub ingestion_id: Option<String>,
    /// `run.logical_time`.
    pub logical_time: DateTime<Utc>,
    /// `run.trigger`.
    pub trigger: String,
    /// `run.timezone`, an IANA name.
    pub timezone: String,
    /// `run.profile`.
    pub profile: String,
    /// `run.url`; none without a public address.
    pub url: Option<String>,
    /// `run.previous.logical_time`; none for the first run.
    pub previous: Option<DateTime<Utc>>,
    /// `run.previous_success.logical_time`; none before the first success.
    pub previous_success: Option<DateTime<Utc>>,
}

/// `dag`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DagScope {
    /// `dag.id`.
    pub id: String,
    /// `dag.tags`.
    pub tags: Vec<String>,
}

/// `task`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskScope {
    /// `task.name`.
    pub name: String,
    /// `task.map_key`; none outside a mapped task.
    pub map_key: Option<String>,
    /// `task.attempt`, from 1.
    pub attempt: u32,
}

/// The outputs of the tasks of a run, asked for one by one.
pub trait Outputs {
    /// The output of a task; a list in item order if it is mapped; `None` if it has none.
    fn output(&self, task: &str) -> Option<Cow<'_, Value>>;
}

impl Outputs for BTreeMap<String, Value> {
    fn output(&self, task: &str) -> Option<Cow<'_, Value>> {
        self.get(task).map(Cow::Borrowed)
    }
}

impl Outputs for Map<String, Value> {
    fn output(&self, task: &str) -> Option<Cow<'_, Value>> {
        self.get(task).map(Cow::Borrowed)
    }
}

impl<'a> Scope<'a> {
    /// The scope of an executor that judges an answer: `answer` and nothing else.
    #[must_use]
    pub fn of_answer(answer: &'a Value) -> Self {
        Self {
            answer: Some(answer),
            ..Self::default()
        }
    }
}
