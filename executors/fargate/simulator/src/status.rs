//! Where a task is in its life, and why it stopped.

use serde::{Deserialize, Serialize};

/// The `lastStatus` of a task, in the order of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The network interface is being made.
    Provisioning,
    /// The image is being pulled.
    Pending,
    /// Almost there.
    Activating,
    /// Its containers run.
    Running,
    /// The end was asked for, or the essential container ended.
    Deactivating,
    /// The containers are told to end.
    Stopping,
    /// The network interface is being taken away.
    Deprovisioning,
    /// Over.
    Stopped,
}

impl Status {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Provisioning => "PROVISIONING",
            Status::Pending => "PENDING",
            Status::Activating => "ACTIVATING",
            Status::Running => "RUNNING",
            Status::Deactivating => "DEACTIVATING",
            Status::Stopping => "STOPPING",
            Status::Deprovisioning => "DEPROVISIONING",
            Status::Stopped => "STOPPED",
        }
    }
}

/// The `stopCode` of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCode {
    /// A container could not be started.
    TaskFailedToStart,
    /// An essential container ended by itself.
    EssentialContainerExited,
    /// Somebody asked for it.
    UserInitiated,
    /// Spot capacity was taken back.
    SpotInterruption,
    /// The platform is being replaced.
    TerminationNotice,
    /// The platform broke.
    InfrastructureHealth,
}

impl StopCode {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::UserInitiated => "UserInitiated",
            StopCode::SpotInterruption => "SpotInterruption",
            StopCode::TerminationNotice => "TerminationNotice",
            StopCode::InfrastructureHealth => "InfrastructureHealth",
        }
    }
}

/// How a container ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
}

impl Ending {
    /// By itself, with this code.
    pub fn exit(code: i32) -> Self {
        Ending {
            exit_code: Some(code),
            reason: None,
        }
    }

    /// Killed, for it used too much memory.
    pub fn out_of_memory() -> Self {
        let reason = "OutOfMemoryError: Container killed due to memory usage";
        Ending::exit(137).because(reason)
    }

    /// Nobody knows: no exit code is shown.
    pub fn lost() -> Self {
        Ending {
            exit_code: None,
            reason: None,
        }
    }

    /// The same with the container's `reason`.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }
}

/// Why a task has to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) code: StopCode,
    pub(crate) reason: String,
}

impl Stop {
    pub(crate) fn new(code: StopCode, reason: impl Into<String>) -> Self {
        Stop {
            code,
            reason: reason.into(),
        }
    }
}
