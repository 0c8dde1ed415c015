//! Both executors keep the contract, and the suite tells when one does not.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod forgetful;
mod sensor;
mod spool;
mod worker;
