//! The durable memory of Noctule, and the only crate that knows SQL.
//!
//! A file of SQLite for one machine, a Postgres for several; the verbs say nothing about either. What is acknowledged is
//! there after a crash. The right to write is a [`Lease`], and every write is fenced by its epoch.

mod access;
mod asks;
mod backfills;
mod backup;
mod checking;
mod columns;
mod commit;
mod dags;
mod document;
mod error;
mod forgetting;
mod hook;
mod lease;
mod messages;
mod open;
mod owner;
mod places;
mod postgres;
mod rows;
mod runs;
mod secret;
mod setback;
mod sqlite;
mod steps;
mod store;
mod stretch;
mod transfer;
mod walking;
mod watching;

pub use access::{AuditEvent, AuditId, Audited, Grant, Revocation, Session, Token};
pub use asks::AskId;
pub use backfills::BackfillFilter;
pub use columns::TaskStanding;
pub use commit::{Write, Written};
pub use document::{DagRecord, DroppedTicks, Pause, PinnedVersion, Trouble, Unborn};
pub use error::StoreError;
pub use forgetting::{After, OldRun};
pub use hook::CommitHook;
pub use lease::Lease;
pub use messages::{MessageCounts, MessageFilter};
pub use open::OpenOptions;
pub use owner::{Owner, Role};
pub use places::{AttemptOfKey, AttemptPlace};
pub use runs::{RunFilter, RunSummary};
pub use secret::{AccessSecret, SecretHash, SecretKind};
pub use setback::Inheritance;
pub use store::Store;
pub use transfer::{Arrival, Copied};
pub use walking::Selection;
