//! How often is looked, and how long is waited. Tests make these short.

use std::time::Duration;

/// The times of an executor value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// To open a session or begin a transaction; for the answer to a commit.
    pub answer: Duration,
    /// Of a question (a poll, a sensor's or a trigger's query) that names no timeout.
    pub question: Duration,
    /// Between two looks while the engine waits on the line, whatever is or is not notified.
    pub look_every: Duration,
    /// Between two signs of life of a listener.
    pub ping_every: Duration,
    /// A sign of life that has not come back after this: the listener is dead.
    pub echo_within: Duration,
    /// Before a listener is built anew, the first time; then twice as long each time.
    pub first_pause: Duration,
    /// The longest of these pauses.
    pub longest_pause: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            question: Duration::from_secs(30),
            look_every: Duration::from_secs(2),
            ping_every: Duration::from_secs(20),
            echo_within: Duration::from_secs(10),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
        }
    }
}
