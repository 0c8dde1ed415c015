//! An entry of a run's journal, as it is seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant;
use crate::dag::Dag;
use crate::run::{Fact, Instant, Record, Run, TaskRun};

/// One entry: what happened to which task, when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// Its number in the journal of the run; the first is 1.
    pub seq: u64,
    /// When the engine saw it.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub at: Instant,
    /// The task that it is about; none: the run.
    pub task: Option<String>,
    /// The item, of a mapped task.
    pub map_key: Option<String>,
    /// The attempt that it is about.
    pub attempt: Option<u32>,
    /// What it says: `kind`, and what belongs to that kind.
    #[serde(flatten)]
    #[schemars(with = "Kind")]
    pub fact: Fact,
}

/// What every fact has; the rest follows from the kind.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a schema, and nothing else")]
struct Kind {
    /// The kind of the fact, such as `launched` or `task_ended`.
    kind: String,
}

impl EventView {
    /// An entry of a run.
    #[must_use]
    pub fn of(dag: &Dag, run: &Run, seq: u64, record: &Record) -> Self {
        let task = record.task.and_then(|ix| run.tasks.get(ix.index()));
        Self::about(dag, task, seq, record)
    }

    /// An entry that is about this task run.
    #[must_use]
    pub fn about(dag: &Dag, task: Option<&TaskRun>, seq: u64, record: &Record) -> Self {
        Self {
            seq,
            at: record.at,
            task: task.map(|task| task.definition(dag).name.to_string()),
            map_key: task.and_then(|task| task.map_key.clone()),
            attempt: record.attempt,
            fact: record.fact.clone(),
        }
    }
}
