//! How long questions may take, and how long a doubt lasts. Tests make these short.

use std::time::Duration;

/// The times of an executor value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// For a whole answer to a question about work. The call itself is bounded by its task.
    pub answer: Duration,
    /// Work that was accepted this lately may not be shown yet: a 404 says nothing.
    pub settle: Duration,
    /// Before work that seems to be missing is asked for again.
    pub second_look: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            settle: Duration::from_secs(30),
            second_look: Duration::from_secs(2),
        }
    }
}
