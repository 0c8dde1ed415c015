//! What a supervisor is started with.

use std::time::Duration;

/// How a supervisor is started. A running one keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a supervisor stays without command and engine.
    pub idle: Duration,
    /// The most bytes that are kept of one log.
    pub log_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            log_limit: 64 * 1024 * 1024,
        }
    }
}
