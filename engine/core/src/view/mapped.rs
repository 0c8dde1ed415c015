//! A mapped task or a group as a whole: how many of its items stand how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{self, Word};
use crate::dag::Dag;
use crate::run::{Run, TaskRun};

/// A mapped task or a group whose list is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MappedView {
    /// Its name.
    pub task: String,
    /// How it stands, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::task_states")]
    pub state: Word,
    /// All items.
    pub items: usize,
    /// Those that have not begun.
    pub waiting: usize,
    /// Those that are on their way.
    pub running: usize,
    /// Those that succeeded.
    pub succeeded: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that were skipped.
    pub skipped: usize,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl MappedView {
    pub(super) fn of(dag: &Dag, run: &Run, head: &TaskRun) -> Option<Self> {
        let tally = run.tally(dag, head)?;
        Some(Self {
            task: head.definition(dag).name.to_string(),
            state: head.state.word(),
            items: tally.items,
            waiting: tally.waiting,
            running: tally.open,
            succeeded: tally.succeeded,
            failed: tally.bad,
            skipped: tally.skipped,
            why: head.end().and_then(|end| end.why.clone()),
        })
    }
}
