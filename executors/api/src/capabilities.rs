//! What an executor can and cannot do, as plain data that is read when a DAG is checked and a launch is planned.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a task waits for the end of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// The slot is held; the end is seen at once.
    Block,
    /// The slot is released; a timer asks.
    Poll,
    /// The task succeeds when the launch is confirmed.
    Detach,
}

impl Wait {
    /// The word of the DAG file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Poll => "poll",
            Self::Detach => "detach",
        }
    }
}

/// What an executor can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Work goes on while no engine runs, and its handle finds it again.
    pub survives_restart: bool,
    /// `cancel` stops the work.
    pub cancel: bool,
    /// `logs` answers.
    pub logs: bool,
    /// A free sensor: there is no work to be found twice, asking is harmless.
    pub sensor: bool,
    /// Work can be held for others to use (`hold_until`): it says `Ready`, and `tear_down` ends it.
    pub holds: bool,
    /// `poll` is woken by news while its patience lasts, and costs nothing meanwhile: it is asked with patience under `wait = "poll"`, too.
    pub hints: bool,
    /// The waiting mode of a task that does not name one.
    pub default_wait: Wait,
}

/// What can be done about a launch whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Recovery {
    /// `launch` is idempotent by key: the same request is sent again at once.
    Resend,
    /// `adopt` can find the work. It is asked at these offsets after the last send; when all have found nothing,
    /// the same request is sent again under the same key.
    Search {
        /// Offsets from the last send, ascending.
        after: Vec<Duration>,
    },
    /// Nobody can tell: the attempt ends as `unknown`.
    Never,
}
