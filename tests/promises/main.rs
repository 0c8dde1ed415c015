//! What Noctule promises to the people who replace their nightly batch with it: one binary, a file for each promise.
//!
//! Everything here is real but for Google: the project and DAG files of this repository, the engine, SQLite on disk, the
//! Cloud Run executor, and HTTP to the Cloud Run simulator.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod containers;
mod edges;
mod launch;
mod nightly;
mod project;
mod restart;
mod running;
mod stage;
mod verdicts;
