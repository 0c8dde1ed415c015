//! Engines that are killed: the real binary in processes of its own, ended by SIGKILL and by signals at chosen moments and at
//! random, each followed by another process that has nothing but the store to go by.
//!
//! The world outside outlives them: a scripted world on disk, a simulated Cloud Run, and local commands.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod at_effects;
mod at_random;
mod chain;
mod cloud;
mod commands;
mod handing_over;
mod pools;
mod process;
mod project;
mod serving;
mod sweeping;
