//! The executor against a scripted server on this machine: each fault that a launch, a search or a poll can meet.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod adopting;
mod cancelling;
mod credentials;
mod doctor;
mod indexes;
mod launching;
mod logging;
mod owning;
mod polling;
mod polling_many;
mod records;
mod renewing;
mod scripted;
mod secrets;
mod world;
