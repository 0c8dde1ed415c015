//! The durable memory of Noctule, and the only crate that knows SQL.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what is acknowledged is there after a crash and after a power cut. One
//! connection writes, grouped; readers have connections of their own that cannot write; asks come in by another. The
//! right to write is an OS lock and an epoch. The verbs say nothing about SQLite.

mod asks;
mod commit;
mod document;
mod error;
mod hook;
mod hop;
mod lock;
mod open;
mod read;
mod store;

pub use asks::AskId;
pub use commit::{Write, Written};
pub use document::{DagRecord, DroppedTicks, Pause, PinnedVersion};
pub use error::StoreError;
pub use hook::CommitHook;
pub use lock::{Lease, Owner, Role};
pub use open::OpenOptions;
pub use read::{RunFilter, RunSummary};
pub use store::Store;
