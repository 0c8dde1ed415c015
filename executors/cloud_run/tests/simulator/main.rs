//! The simulator seen from outside: strict requests, real containers, scripted ends, faults, logs.
//!
//! Every wait is for something to become so; nothing here sleeps.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod client;
mod containers;
mod faults;
mod jobs;
mod lists;
mod logs;
mod requests;
mod scripts;
