//! What an executor author tells the suite: how to make the executor, and configurations with known ends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use noctule_executor::{AnyExecutor, AttemptKey, Context, ErrorClass};

use crate::surroundings;

/// The end that a configuration must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// `Succeeded`.
    Succeeded,
    /// `Failed` with this class.
    Failed(ErrorClass),
    /// `Cancelled`, from outside.
    Cancelled,
    /// The launch itself is refused with this class, and nothing is started.
    Rejected(ErrorClass),
}

/// A line of the verdict table.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it is about, for the report.
    pub name: &'static str,
    /// The `with` table.
    pub with: Value,
    /// How it must end.
    pub expected: Expected,
}

impl Case {
    /// A line of the verdict table.
    #[must_use]
    pub fn new(name: &'static str, with: Value, expected: Expected) -> Self {
        Self {
            name,
            with,
            expected,
        }
    }
}

/// An executor under test. What an author leaves out is skipped, and the report says so.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A fresh value that knows nothing of earlier ones, as after a restart. The backend behind all values is one.
    fn executor(&self) -> Arc<dyn AnyExecutor>;

    /// The surroundings of every call.
    fn context(&self) -> Context {
        surroundings::context(None)
    }

    /// Work that succeeds soon.
    fn succeeds(&self) -> Value;

    /// Work that goes on until it is cancelled.
    fn runs_long(&self) -> Option<Value> {
        None
    }

    /// Further ends: failures by class, and above all work that is *done* and did not do what was asked.
    fn verdicts(&self) -> Vec<Case> {
        Vec::new()
    }

    /// Work that writes this log and then ends.
    fn writes_log(&self) -> Option<(Value, String)> {
        None
    }

    /// Work that is given a secret, `{ secret = "…" }`, whose value is [`CANARY`](crate::CANARY), and then ends.
    fn keeps_secret(&self) -> Option<Value> {
        None
    }

    /// Makes the backend start the work of the next launch and lose the answer. `false`: cannot be done.
    async fn lose_next_answer(&self) -> bool {
        false
    }

    /// Makes the next poll fail. `false`: cannot be done.
    async fn fail_next_poll(&self) -> bool {
        false
    }

    /// How many pieces of work of a key the backend has ever started, finished ones too, if it can tell.
    async fn works_of(&self, _key: &AttemptKey) -> Option<usize> {
        None
    }

    /// Whether `owned` lists anything: `false` for an executor that leaves it as it is provided.
    fn lists_owned(&self) -> bool {
        true
    }

    /// How long one rule may take.
    fn limit(&self) -> Duration {
        Duration::from_secs(30)
    }
}
