//! The durable memory of Noctule, and the only crate that knows SQL.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what is acknowledged is there after a crash and after a power cut. One
//! connection writes, grouped; readers have connections of their own that cannot write; asks come in by another. The
//! right to write is an OS lock and an epoch. The verbs say nothing about SQLite.

mod address;
mod asks;
mod commit;
mod connection;
mod creation;
mod dags;
mod document;
mod error;
mod hook;
mod lease;
mod lock;
mod open;
mod places;
mod quota;
mod records;
mod rows;
mod runs;
mod schema;
mod steps;
mod store;
mod watching;

pub use asks::AskId;
pub use commit::{Write, Written};
pub use document::{DagRecord, DroppedTicks, Pause, PinnedVersion, Trouble};
pub use error::StoreError;
pub use hook::CommitHook;
pub use lease::Lease;
pub use lock::{Owner, Role};
pub use open::OpenOptions;
pub use places::{AttemptOfKey, AttemptPlace};
pub use runs::{RunFilter, RunSummary};
pub use store::Store;
