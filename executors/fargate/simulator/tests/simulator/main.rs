//! The simulator seen from outside: strict requests, lives of tasks, real containers, faults, targets.
//!
//! Every wait is for something to become so; nothing here sleeps.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod client;
mod lives;
mod tokens;
