//! How long calls may take and how often they are made.
//!
//! Guarantees: a call always ends. The defaults are for AWS; tests make them short.

use std::time::Duration;

/// The times of an executor value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// To connect, TLS included.
    pub connect: Duration,
    /// For a whole answer.
    pub answer: Duration,
    /// Between the first two polls of one long wait: short work is seen early.
    pub first_pause: Duration,
    /// The longest pause between polls of one long wait.
    pub longest_pause: Duration,
    /// Before what looks lost is asked again.
    pub second_look: Duration,
    /// How long after a launch a task may be missing without being lost: the API is eventually consistent.
    pub missing_grace: Duration,
    /// How long the last log lines of failed work may keep its verdict waiting.
    pub log_tail: Duration,
    /// After which a stop, or a deregistration, is looked at again.
    pub clearing: Duration,
    /// Between looks at a task that is left to end by itself.
    pub left_alone: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(6),
            second_look: Duration::from_secs(2),
            missing_grace: Duration::from_secs(300),
            log_tail: Duration::from_secs(5),
            clearing: Duration::from_secs(5),
            left_alone: Duration::from_secs(60),
        }
    }
}
