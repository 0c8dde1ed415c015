//! The simulator seen from outside: strict requests, lives of tasks, real containers, faults, targets.
//!
//! Every wait is for something to become so; nothing here sleeps.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod client;
mod faults;
mod holding;
mod lives;
mod reads;
mod requests;
mod targets;
mod tokens;
