//! The executor against a scripted server on this machine: each fault that a launch, a search, a poll or a clearing can
//! meet.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod clearing;
mod doctor;
mod fitting;
mod launching;
mod logging;
mod owning;
mod pinning;
mod polling;
mod records;
mod recovering;
mod scripted;
mod sessions;
mod world;
