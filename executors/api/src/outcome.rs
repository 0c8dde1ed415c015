//! What a poll can see: work that is starting, running, ready, finished or gone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::ErrorClass;

/// How a piece of work stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Status {
    /// Accepted by the backend, not begun.
    Launching,
    /// At work.
    Running {
        /// When it began, where the backend says so.
        started_at: Option<DateTime<Utc>>,
        /// The backend asks not to be asked again before.
        poll_after: Option<Duration>,
    },
    /// The work has come further, and this is how to find it from now on: stored before the next poll, which gets it.
    ///
    /// For work that is made in several steps (a task, then its place behind a load balancer): a step is taken only
    /// after the handle that names what it makes is durable.
    Advanced {
        /// The new handle, as JSON of [`Executor::Handle`](crate::Executor::Handle).
        handle: Value,
    },
    /// The work is ready to be used and goes on: the end of an attempt that is [held](crate::Attempt::hold), as a success.
    Ready {
        /// Where it is, for those who use it.
        output: Value,
    },
    /// It is on another host, of which nothing can be said from here: no verdict. Who runs there reports its end.
    Elsewhere {
        /// The host.
        host: String,
    },
    /// It ended, and this is the verdict.
    Finished(Finished),
    /// The backend no longer knows it.
    Lost {
        /// What was asked and what came back.
        reason: String,
    },
}

/// The end of a piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The verdict on the remote record.
    pub outcome: Outcome,
    /// When it began, where the backend says so.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, where the backend says so.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Finished {
    /// An outcome whose times nobody told.
    #[must_use]
    pub fn now(outcome: Outcome) -> Self {
        Self {
            outcome,
            started_at: None,
            ended_at: None,
        }
    }
}

/// The verdict of an executor on the remote record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Outcome {
    /// It did what was asked. The task's `success` expression is judged after this.
    Succeeded {
        /// What dependants see as `tasks.NAME.output`.
        output: Value,
    },
    /// It failed.
    Failed {
        /// Why, for `retries.on`.
        class: ErrorClass,
        /// One line for people.
        message: String,
        /// What is known of it besides: exit code, counts, body.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "told"
        )]
        output: Option<Value>,
    },
    /// It was stopped: by us when we asked, else from outside.
    Cancelled {
        /// Who stopped it, where the backend says so.
        by: Option<String>,
        /// What is known of it besides.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "told"
        )]
        output: Option<Value>,
    },
}

/// An output that is null is an output all the same, and stays one when it is written and read.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Outcome {
    /// The output, of any outcome that has one.
    #[must_use]
    pub fn output(&self) -> Option<&Value> {
        match self {
            Self::Succeeded { output } => Some(output),
            Self::Failed { output, .. } | Self::Cancelled { output, .. } => output.as_ref(),
        }
    }

    /// A failure.
    pub fn failed(class: ErrorClass, message: impl Into<String>, output: Option<Value>) -> Self {
        Self::Failed {
            class,
            message: message.into(),
            output,
        }
    }
}
