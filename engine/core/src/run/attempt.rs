//! How an attempt stands, from its intent to its end.
//!
//! Everything that a fresh engine needs to go on is here: the request that was stored before it was sent, what can be done
//! about an unknown launch, the handle, the instants that bound it.

use std::time::Duration;

use noctule_executor::{AttemptKey, ErrorClass, Recovery, Request, Wait};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actor::Actor;
use super::silence::Silence;
use super::state::{Instant, Verdict};

/// One try of one task run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first; goes on over rounds.
    pub number: u32,
    /// Its key.
    pub key: AttemptKey,
    /// When the intent was committed.
    pub intended_at: Instant,
    /// When its `timeout` ends.
    pub deadline: Option<Instant>,
    /// When the work must have begun.
    pub start_by: Option<Instant>,
    /// What was prepared before the first send, and is sent again unchanged.
    pub prepared: Prepared,
    /// How it stands.
    pub state: AttemptState,
}

/// What the engine prepares for an attempt in the step that intends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The request, stored before it is sent.
    pub request: Request,
    /// The `with` table, rendered.
    pub config: Value,
    /// The connection it goes through.
    pub connection: Option<String>,
    /// How it waits.
    pub wait: Wait,
    /// What can be done about an unknown launch.
    pub recovery: Recovery,
    /// What kind of thing the work is to us.
    pub nature: Nature,
    /// It is on the machine of the engine that sends it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub local: bool,
    /// It leaves something behind that has to be cleared away.
    #[serde(default, skip_serializing_if = "is_false")]
    pub obliges: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// What kind of thing the work is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// It goes on without us, and a handle finds it again.
    Remote,
    /// The launch itself lasts as long as the work; after a cut nobody can tell what became of it.
    Attached,
    /// There is no work, only a question.
    Sensor,
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AttemptState {
    /// Intended; no handle is known yet.
    Launching(Launching),
    /// The work is known.
    Running(Running),
    /// The work is being stopped.
    Cancelling(Cancelling),
    /// Over.
    Ended(Ended),
}

/// An attempt without a handle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launching {
    /// How often the work may have been started: sends that were not definitely refused.
    pub sends: u32,
    /// How often the step below was taken, so that a new try is a new activity.
    pub tries: u32,
    /// The last send.
    pub sent_at: Instant,
    /// What to do now.
    pub step: LaunchStep,
    /// It is to be stopped: nothing is sent again, what is found is cancelled.
    pub stop: Option<Stopping>,
    /// What the last try said.
    pub trouble: Option<String>,
    /// A request that was sent again was refused: unless a look finds what an earlier one started, that is the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ErrorClass>,
}

/// What an attempt without a handle does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LaunchStep {
    /// Sends the request.
    Send {
        /// It rests until then: surely not sent since the last answer, whatever any clock shows.
        not_before: Option<Instant>,
    },
    /// Looks for what an earlier send may have started.
    Look {
        /// 0 for the first look.
        look: u32,
        /// When.
        at: Instant,
    },
}

/// Work that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// How to find it.
    pub handle: Handle,
    /// When the handle became known.
    pub launched_at: Instant,
    /// When it began, once known.
    pub started_at: Option<Instant>,
    /// A person has to act before it can be watched.
    pub alarm: Option<String>,
    /// It is on a host that says nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
}

/// Work that is being stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancelling {
    /// How to find it.
    pub handle: Handle,
    /// When the handle became known.
    pub launched_at: Instant,
    /// When it began, once known.
    pub started_at: Option<Instant>,
    /// Why.
    pub stop: Stopping,
    /// When the end is given up on.
    pub kill_at: Instant,
}

/// A handle: the executor's versioned JSON, and how people know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handle {
    /// How often the work has come further and got a new handle.
    #[serde(default)]
    pub advances: u32,
    /// What the executor reads.
    pub raw: Value,
    /// What people read.
    pub public: Value,
}

/// An attempt is to be stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Why.
    pub why: AttemptStop,
    /// Since when.
    pub at: Instant,
}

/// Why an attempt is being stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum AttemptStop {
    /// The run is being cancelled.
    RunCancelled,
    /// The run's deadline passed.
    RunDeadline,
    /// Its own `timeout` passed.
    Timeout,
    /// `total_timeout` passed.
    TotalTimeout,
    /// The work did not begin in time.
    StartTimeout,
    /// Somebody marked the task.
    Marked {
        /// As what.
        verdict: Verdict,
        /// Who.
        by: Actor,
    },
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub end: AttemptEnd,
    /// The work, if it was ever known.
    pub handle: Option<Handle>,
    /// When the handle became known.
    pub launched_at: Option<Instant>,
    /// When the work began, where the backend said so.
    pub started_at: Option<Instant>,
    /// When it ended: by the backend's word where it has one.
    pub ended_at: Instant,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum AttemptEnd {
    /// The verdict and `success` are good.
    Succeeded {
        /// What dependants see.
        output: Value,
    },
    /// It failed.
    Failed {
        /// Why, for `retries.on`.
        class: ErrorClass,
        /// One line for people.
        message: String,
        /// What is known besides.
        output: Option<Value>,
    },
    /// `skip_when` held.
    Skipped {
        /// What it was judged on.
        output: Option<Value>,
    },
    /// It was stopped.
    Cancelled {
        /// Who stopped it.
        message: String,
        /// What is known besides.
        output: Option<Value>,
    },
    /// A deadline passed.
    TimedOut {
        /// Which, and what became of the work.
        message: String,
        /// What is known besides.
        output: Option<Value>,
    },
}

/// How long a stopped piece of work is given between TERM and KILL.
pub const CANCEL_GRACE: Duration = Duration::from_secs(10);
/// How long the end of stopped work is awaited before it is called unknown. Cloud Run and ECS take up to minutes to stop.
pub const CANCEL_PATIENCE: Duration = Duration::from_secs(600);
