//! Tests of the engine with a real SQLite file and the scripted executor: one binary, a file for each promise.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod awaited;
mod backfill_acts;
mod backfill_kills;
mod backfill_yields;
mod backfills;
mod conformance;
mod crash;
mod dags;
mod events;
mod flow;
mod harness;
mod hosts;
mod inbox;
mod inbox_source;
mod latest;
mod listening;
mod pools;
mod refused_writes;
mod replaying;
mod retaining;
mod rings;
mod spans;
mod telling;
mod whole;
