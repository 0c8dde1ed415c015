//! Faults to order: which call they are for, and what happens to it or to what it starts.
//!
//! A fault on the wire (an answer lost, an error in its place) and one in the service (a task that
//! never starts) can meet in the same request; of each sort a request meets at most one.

use std::time::Duration;

use noctule_simulated::Effect;

use super::{
    action::{Action, Service},
    refusal::Refusal,
    status::Status,
};

/// The id of requests that are answered to order.
const ORDERED: &str = "00000000-0000-0000-0000-000000000000";

/// One fault, for the next request of its action.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) action: Action,
    pub(crate) times: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Wire(Effect),
    Twist(Twist),
}

/// What happens inside the service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Twist {
    /// `RunTask` answers 200 with failures; with a ghost, a task starts all the same.
    Failures { reason: String, ghost: bool },
    /// The tasks started have this fate.
    Fate(Fate),
    /// `DescribeTasks` knows none of them.
    Missing,
    /// `DescribeTasks` shows what was true before the last change.
    Stale,
    /// `StopTask` answers as ever, and nothing is stopped.
    Ignored,
}

/// What lies ahead of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fate {
    pub(crate) fails_to_start: Option<String>,
    pub(crate) interrupted_after: Option<Duration>,
    pub(crate) never_healthy: bool,
    pub(crate) no_address: bool,
    pub(crate) held_at: Option<Status>,
}

impl Fault {
    /// Anything on the wire.
    pub fn wire(action: Action, effect: Effect) -> Self {
        Fault {
            action,
            times: 1,
            what: What::Wire(effect),
        }
    }

    fn twist(action: Action, twist: Twist) -> Self {
        Fault {
            action,
            times: 1,
            what: What::Twist(twist),
        }
    }

    fn fate(fate: Fate) -> Self {
        Fault::twist(Action::RunTask, Twist::Fate(fate))
    }

    /// For so many requests (`usize::MAX`: until withdrawn).
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Acted on; the connection ends without an answer.
    pub fn lost_answer(action: Action) -> Self {
        Fault::wire(action, Effect::LoseAnswer)
    }

    /// Not acted on; the connection ends without an answer.
    pub fn lost_request(action: Action) -> Self {
        Fault::wire(action, Effect::DropRequest)
    }

    /// Acted on; so many bytes of the answer's body arrive.
    pub fn truncated(action: Action, body_bytes: usize) -> Self {
        Fault::wire(action, Effect::Truncate { body_bytes })
    }

    /// Acted on after this time.
    pub fn slow(action: Action, time: Duration) -> Self {
        Fault::wire(action, Effect::Delay(time))
    }

    /// Not acted on; this error is answered, in the format of the service.
    pub fn error(action: Action, status: u16, code: &str, message: &str) -> Self {
        let answer = Refusal::new(status, code, message).answer(action.service(), ORDERED);
        Fault::wire(action, Effect::Answer(answer))
    }

    /// Acted on; a 500 is answered.
    pub fn acted_then_server_error(action: Action) -> Self {
        let (code, message) = server_error(action);
        let answer = Refusal::new(500, code, message).answer(action.service(), ORDERED);
        Fault::wire(action, Effect::ActThenAnswer(answer))
    }

    /// 500, not acted on.
    pub fn server_error(action: Action) -> Self {
        let (code, message) = server_error(action);
        Fault::error(action, 500, code, message)
    }

    /// HTTP 400 `ThrottlingException`, as AWS does it.
    pub fn throttled(action: Action) -> Self {
        let code = by_service(action, "ThrottlingException", "Throttling");
        Fault::error(action, 400, code, "Rate exceeded")
    }

    /// The caller may not.
    pub fn access_denied(action: Action) -> Self {
        let code = by_service(action, "AccessDeniedException", "AccessDenied");
        let status = if action.service() == Service::LoadBalancing {
            403
        } else {
            400
        };
        let (service, name) = (action.service().signing_name(), action.name());
        let message = format!(
            "User: arn:aws:iam::123456789012:user/simulated is not authorized to perform: {service}:{name} \
             because no identity-based policy allows the {service}:{name} action"
        );
        Fault::error(action, status, code, &message)
    }

    /// The session token has expired.
    pub fn expired_token(action: Action) -> Self {
        let code = by_service(action, "ExpiredTokenException", "ExpiredToken");
        let status = if action.service() == Service::LoadBalancing {
            403
        } else {
            400
        };
        let message = "The security token included in the request is expired";
        Fault::error(action, status, code, message)
    }

    /// `RunTask`: no capacity.
    pub fn no_capacity() -> Self {
        let message = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
        Fault::error(Action::RunTask, 400, "ClientException", message)
    }

    /// `RunTask`: 200 with `failures` and no task (`RESOURCE:MEMORY`, `AGENT`, ...).
    pub fn failures(reason: &str) -> Self {
        let (reason, ghost) = (reason.to_owned(), false);
        Fault::twist(Action::RunTask, Twist::Failures { reason, ghost })
    }

    /// `RunTask`: the same answer, and a task starts all the same.
    pub fn failures_with_ghost(reason: &str) -> Self {
        let (reason, ghost) = (reason.to_owned(), true);
        Fault::twist(Action::RunTask, Twist::Failures { reason, ghost })
    }

    /// `RunTask`: the task ends with `TaskFailedToStart` and this `stoppedReason`.
    pub fn fails_to_start(reason: &str) -> Self {
        Fault::fate(Fate {
            fails_to_start: Some(reason.to_owned()),
            ..Fate::default()
        })
    }

    /// `RunTask`: this long after it runs, the task loses its Spot capacity.
    pub fn spot_interruption(after: Duration) -> Self {
        Fault::fate(Fate {
            interrupted_after: Some(after),
            ..Fate::default()
        })
    }

    /// `RunTask`: as a target, the task is never healthy.
    pub fn never_healthy() -> Self {
        Fault::fate(Fate {
            never_healthy: true,
            ..Fate::default()
        })
    }

    /// `RunTask`: the task never shows an address.
    pub fn no_address() -> Self {
        Fault::fate(Fate {
            no_address: true,
            ..Fate::default()
        })
    }

    /// `RunTask`: the task stays in this state until `Simulator::proceed`.
    pub fn held_at(status: Status) -> Self {
        Fault::fate(Fate {
            held_at: Some(status),
            ..Fate::default()
        })
    }

    /// `DescribeTasks`: every task asked for is MISSING.
    pub fn missing() -> Self {
        Fault::twist(Action::DescribeTasks, Twist::Missing)
    }

    /// `DescribeTasks`: every task is shown as before its last change.
    pub fn stale() -> Self {
        Fault::twist(Action::DescribeTasks, Twist::Stale)
    }

    /// `StopTask`: answered as ever, and lost inside: nothing is stopped.
    pub fn stop_ignored() -> Self {
        Fault::twist(Action::StopTask, Twist::Ignored)
    }
}

fn by_service(action: Action, json: &'static str, query: &'static str) -> &'static str {
    match action.service() {
        Service::LoadBalancing => query,
        Service::Ecs | Service::Logs | Service::Secrets => json,
    }
}

fn server_error(action: Action) -> (&'static str, &'static str) {
    match action.service() {
        Service::Ecs => (
            "ServerException",
            "Service Unavailable. Please try again later.",
        ),
        Service::Logs => (
            "ServiceUnavailableException",
            "The service cannot complete the request.",
        ),
        Service::Secrets => (
            "InternalServiceError",
            "An internal service error occurred.",
        ),
        Service::LoadBalancing => (
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
    }
}
