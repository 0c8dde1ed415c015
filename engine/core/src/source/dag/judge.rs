//! Who judges a `with` table beside its schema, and how messages name its owner: an executor, or an event source.
//!
//! Never reads a table itself: `with` does.

use noctule_executor::{AnyEventSource, AnyExecutor, Draft, Problem};
use serde_json::Value;

/// What says of a table what a schema cannot say.
pub(super) trait Judge {
    fn check(&self, draft: &Draft<'_>) -> Vec<Problem>;
    fn read_config(&self, value: &Value) -> Result<(), Problem>;
}

impl Judge for dyn AnyExecutor {
    fn check(&self, draft: &Draft<'_>) -> Vec<Problem> {
        AnyExecutor::check(self, draft)
    }

    fn read_config(&self, value: &Value) -> Result<(), Problem> {
        AnyExecutor::read_config(self, value)
    }
}

impl Judge for dyn AnyEventSource {
    fn check(&self, draft: &Draft<'_>) -> Vec<Problem> {
        AnyEventSource::check(self, draft)
    }

    fn read_config(&self, value: &Value) -> Result<(), Problem> {
        AnyEventSource::read_config(self, value)
    }
}

/// Whose table it is, in messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'k> {
    /// The `with` of a task.
    Executor(&'k str),
    /// The table of a trigger.
    Source(&'k str),
}

impl Whose<'_> {
    pub(super) fn words(self) -> String {
        match self {
            Self::Executor(kind) => format!("executor `{kind}`"),
            Self::Source(kind) => format!("event source `{kind}`"),
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Executor(_) => "with",
            Self::Source(_) => "trigger",
        }
    }

    pub(super) fn root(self) -> String {
        match self {
            Self::Executor(_) => "with".to_owned(),
            Self::Source(kind) => format!("trigger.{kind}"),
        }
    }
}
