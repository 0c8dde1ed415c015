//! What can happen to a run. Every event is a value; whoever saw it, and when, is told beside it.

use std::time::Duration;

use noctule_executor::{ExecutorError, Status};
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::attempt::Handle;
use super::obligation::Cleared;
use super::repin::Repin;
use super::state::{TaskRunIx, Verdict};
use crate::name::BackfillId;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// `max_active_runs` has a place for the run.
    Begin,
    /// These tasks got a slot.
    Admit {
        /// Which.
        tasks: Vec<TaskRunIx>,
    },
    /// A fresh engine has loaded the run: what was in flight is unknown.
    Resumed,
    /// The store was set back to an earlier state: what it says was not sent may have been.
    Doubted,
    /// The engine before was on another machine: what that one was starting there, nobody can tell here.
    Moved,
    /// A stored instant may have passed.
    Due,
    /// News of one attempt.
    News {
        /// The task run.
        task: TaskRunIx,
        /// The number of the attempt; an older one changes nothing.
        attempt: u32,
        /// What is new.
        news: News,
    },
    /// A try to clear away what an attempt left behind is over.
    Cleared {
        /// The task run.
        task: TaskRunIx,
        /// The number of the attempt.
        attempt: u32,
        /// What became of it.
        cleared: Cleared,
    },
    /// Somebody cancels the run.
    Cancel {
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody retries the run: a new round.
    Retry {
        /// What begins anew.
        tasks: Vec<TaskRunIx>,
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
        /// The backfill that it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backfill: Option<BackfillId>,
        /// The later definition that the run takes, and goes on with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        definition: Option<Box<Repin>>,
    },
    /// Somebody marks a task.
    Mark {
        /// Which.
        task: TaskRunIx,
        /// As what: succeeded, failed or skipped.
        verdict: Verdict,
        /// Running work is let be.
        leave_running: bool,
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
    },
}

impl Event {
    /// The task runs that it is about.
    pub fn tasks(&self) -> impl Iterator<Item = TaskRunIx> {
        let (one, several) = match self {
            Self::Admit { tasks } | Self::Retry { tasks, .. } => (None, tasks.as_slice()),
            Self::News { task, .. } | Self::Cleared { task, .. } | Self::Mark { task, .. } => {
                (Some(*task), &[][..])
            }
            Self::Begin
            | Self::Resumed
            | Self::Doubted
            | Self::Moved
            | Self::Due
            | Self::Cancel { .. } => (None, &[][..]),
        };
        one.into_iter().chain(several.iter().copied())
    }
}

/// What is new about an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "news")]
pub enum News {
    /// The launch is confirmed.
    Launched {
        /// How to find the work.
        handle: Handle,
    },
    /// The launch was refused, or its outcome is unknown.
    LaunchFailed {
        /// Which of the two.
        error: ExecutorError,
    },
    /// A search for what a launch may have started is over.
    Looked {
        /// What it found.
        found: Option<Handle>,
    },
    /// The search could not be made.
    LookFailed {
        /// Why.
        error: ExecutorError,
    },
    /// The work was asked about.
    Polled {
        /// The answer.
        status: Status,
    },
    /// The work has come further and is found by another handle from now on.
    Advanced {
        /// How to find it; the engine counts the advances.
        handle: Handle,
    },
    /// The work is on a host that cannot be asked from here, and nobody there has said anything.
    Unheard {
        /// The host.
        host: String,
        /// For how long somebody listened since this was last said, by a clock that does not jump.
        listened: Duration,
        /// How long a host may be silent before what became of its work counts as unknown.
        lost_after: Duration,
    },
    /// The work could not be asked about; says nothing about it.
    PollFailed {
        /// Why.
        error: ExecutorError,
    },
}
