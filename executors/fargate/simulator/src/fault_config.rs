//! Faults in a configuration or at the control route, for trying things out by hand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{action::Action, fault::Fault};

/// One entry of `[[simulator.faults]]`, or the body of `POST /_simulator/faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultConfig {
    /// What happens.
    pub fault: FaultKind,
    /// The call it is for (`RunTask`), where the fault does not say so itself.
    #[serde(default = "run_task")]
    pub action: Action,
    /// How many requests (1).
    #[serde(default = "once")]
    pub times: usize,
    /// The reason of `failures`, `ghost` and `fails_to_start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The milliseconds of `slow` and `spot_interruption`.
    #[serde(default)]
    pub milliseconds: u32,
}

/// The faults that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Acted on, the answer is lost.
    LostAnswer,
    /// Not acted on, the connection ends.
    LostRequest,
    /// 500, not acted on.
    ServerError,
    /// Acted on, and 500 answered.
    ActedThenServerError,
    /// HTTP 400 with a throttling error.
    Throttled,
    /// The caller may not.
    AccessDenied,
    /// The session token has expired.
    ExpiredToken,
    /// Acted on after some time.
    Slow,
    /// RunTask: no capacity.
    NoCapacity,
    /// RunTask: failures and no task.
    Failures,
    /// RunTask: failures, and a task all the same.
    Ghost,
    /// RunTask: the task never starts.
    FailsToStart,
    /// RunTask: the task loses its capacity.
    SpotInterruption,
    /// RunTask: the target is never healthy.
    NeverHealthy,
    /// RunTask: the task never shows an address.
    NoAddress,
    /// DescribeTasks: nothing is found.
    Missing,
    /// DescribeTasks: everything as before its last change.
    Stale,
    /// StopTask: answered and not done.
    StopIgnored,
}

fn run_task() -> Action {
    Action::RunTask
}

fn once() -> usize {
    1
}

impl FaultConfig {
    /// The fault it means.
    pub fn fault(&self) -> Fault {
        let time = std::time::Duration::from_millis(self.milliseconds.into());
        let reason = |usual| self.reason.as_deref().unwrap_or(usual);
        let fault = match self.fault {
            FaultKind::LostAnswer => Fault::lost_answer(self.action),
            FaultKind::LostRequest => Fault::lost_request(self.action),
            FaultKind::ServerError => Fault::server_error(self.action),
            FaultKind::ActedThenServerError => Fault::acted_then_server_error(self.action),
            FaultKind::Throttled => Fault::throttled(self.action),
            FaultKind::AccessDenied => Fault::access_denied(self.action),
            FaultKind::ExpiredToken => Fault::expired_token(self.action),
            FaultKind::Slow => Fault::slow(self.action, time),
            FaultKind::NoCapacity => Fault::no_capacity(),
            FaultKind::Failures => Fault::failures(reason("RESOURCE:MEMORY")),
            FaultKind::Ghost => Fault::failures_with_ghost(reason("RESOURCE:MEMORY")),
            FaultKind::FailsToStart => Fault::fails_to_start(reason(
                "ResourceInitializationError: unable to pull secrets or registry auth",
            )),
            FaultKind::SpotInterruption => Fault::spot_interruption(time),
            FaultKind::NeverHealthy => Fault::never_healthy(),
            FaultKind::NoAddress => Fault::no_address(),
            FaultKind::Missing => Fault::missing(),
            FaultKind::Stale => Fault::stale(),
            FaultKind::StopIgnored => Fault::stop_ignored(),
        };
        fault.times(self.times)
    }
}
