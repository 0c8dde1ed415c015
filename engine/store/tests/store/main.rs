//! Tests of the store with real SQLite files.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod files;
mod holding;
mod stage;
mod writing;
