//! How long calls may take and how often they are made.
//!
//! Guarantees: a call always ends. The defaults are for Google; tests make them short.

use std::time::Duration;

/// The times of an executor value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// To connect, TLS included. A host that does not take a connection in ten seconds is not there; since nothing was
    /// sent, a launch that fails here surely did not happen.
    pub connect: Duration,
    /// For a whole answer. Google's own front end gives up at 60 s, so nothing comes later.
    pub answer: Duration,
    /// To get a token. Three tries of a metadata server at 3 s each, and some room for an exchange.
    pub token: Duration,
    /// Between the first two polls of one long wait: short work is seen early.
    pub first_pause: Duration,
    /// The longest pause between polls of one long wait: the delay that work of hours can bear.
    pub longest_pause: Duration,
    /// Before what looks lost, or contradicts itself, is asked again.
    pub second_look: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            token: Duration::from_secs(30),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
            second_look: Duration::from_secs(2),
        }
    }
}
