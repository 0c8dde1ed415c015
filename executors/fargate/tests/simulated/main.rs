//! The executor on the ECS simulator: the contract's conformance suite, and whole lives of tasks and sessions.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod conformance;
mod lives;
mod secrets;
mod sessions;
mod world;
