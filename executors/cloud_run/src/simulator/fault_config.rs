//! Faults written in a configuration, for trying things out by hand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{Answer, Effect, RequestPattern};

/// One entry of `[[simulator.faults]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultConfig {
    /// `GET`, `POST`, ... (`*`: any).
    #[serde(default = "any")]
    pub method: String,
    /// The form of the path; `*` stands for any letters.
    pub path: String,
    /// How many requests (1).
    #[serde(default = "once")]
    pub times: usize,
    /// What happens to them.
    pub effect: FaultKind,
}

/// The faults that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 503.
    Unavailable,
    /// 429 with `Retry-After: 1`.
    Throttled,
    /// The HTML 502 of a front end.
    BadGateway,
    /// 403.
    Forbidden,
    /// The request is not acted on and the connection ends.
    DropRequest,
    /// The request is acted on and the answer is lost.
    LoseAnswer,
    /// The request is acted on and the connection reset.
    Reset,
    /// The request is acted on and half a line is answered.
    Truncate,
    /// Nothing is ever answered.
    Hang,
}

fn any() -> String {
    "*".to_owned()
}

fn once() -> usize {
    1
}

impl FaultConfig {
    pub(crate) fn pattern(&self) -> RequestPattern {
        RequestPattern::new(&self.method, &self.path)
    }

    pub(crate) fn effect(&self) -> Effect {
        match self.effect {
            FaultKind::Unavailable => Effect::Answer(Answer::unavailable()),
            FaultKind::Throttled => Effect::Answer(Answer::throttled(1)),
            FaultKind::BadGateway => Effect::Answer(Answer::bad_gateway()),
            FaultKind::Forbidden => Effect::Answer(Answer::error(
                403,
                "PERMISSION_DENIED",
                "The caller does not have permission",
            )),
            FaultKind::DropRequest => Effect::DropRequest,
            FaultKind::LoseAnswer => Effect::LoseAnswer,
            FaultKind::Reset => Effect::Reset,
            FaultKind::Truncate => Effect::Truncate { body_bytes: 20 },
            FaultKind::Hang => Effect::Hang,
        }
    }
}
