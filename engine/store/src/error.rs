//! What can go wrong with a store: what was tried on which store, and what a caller can do about it.
//!
//! A store is named by its place in words: its file, or `postgres://HOST:PORT/DATABASE`. Never: a password.

use std::path::PathBuf;

use noctule_core::name::ProfileName;
use thiserror::Error;

use crate::owner::Owner;

/// A failed call to the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address is none of ours.
    #[error("{0}")]
    Address(String),
    /// There is no store, and none was to be made.
    #[error("there is no store at {0}")]
    Missing(String),
    /// A file or folder could not be used.
    #[error("failed to {doing} {path}: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not a store of ours, or is damaged. It is left as it is.
    #[error("{place} cannot be used as a store: {message}")]
    Corrupt {
        /// Where it is.
        place: String,
        /// What was found.
        message: String,
    },
    /// A newer noctule wrote it.
    #[error(
        "{place} has schema version {found}, this noctule knows {known}: use the newer noctule"
    )]
    SchemaNewer {
        /// Where it is.
        place: String,
        /// What it has.
        found: i64,
        /// What we know.
        known: i64,
    },
    /// The SQLite that is linked has a known defect.
    #[error(
        "the linked SQLite is {0}, older than 3.51.3: it can corrupt a store with several connections"
    )]
    Sqlite(String),
    /// It belongs to another profile.
    #[error("the store belongs to profile `{store}`, you asked for profile `{asked}`")]
    OtherProfile {
        /// Whose it is.
        store: ProfileName,
        /// Who asked.
        asked: ProfileName,
    },
    /// Another engine writes it.
    #[error("the store is held by another engine: {0}")]
    HeldBy(Box<Owner>),
    /// Something is there already, and is left as it is.
    #[error("there is something at {0} already")]
    Taken(String),
    /// A copy was to go where runs are already.
    #[error("the store at {0} is not empty")]
    NotEmpty(String),
    /// The store goes on elsewhere.
    #[error("{place} was moved to {to}: no engine may write it any more")]
    Moved {
        /// Where it was.
        place: String,
        /// Where it is.
        to: String,
    },
    /// Another engine took the store over. This one must stop.
    #[error("another engine has taken the store over (epoch {0} is past)")]
    Fenced(i64),
    /// The lease could not be renewed in time: another engine may have the store. This one must stop.
    #[error(
        "the lease on the store (epoch {0}) was not renewed in time; another engine may have taken the store over"
    )]
    LeaseLost(i64),
    /// The database cannot be reached, or refuses for now. Nothing was written.
    #[error("the database {place} is not available now: {message}")]
    Unavailable {
        /// Where it is.
        place: String,
        /// What was seen.
        message: String,
    },
    /// The server only repeats another one.
    #[error("{0} is a replica, which cannot be a store: name the primary")]
    Replica(String),
    /// The server is not the one that was used before, or an older state of it.
    #[error("{place} is no longer the database that it was: {message}")]
    OtherServer {
        /// Where it is.
        place: String,
        /// What is different.
        message: String,
    },
    /// The database has lost what it had acknowledged: an older state of it was put in its place. The engine must begin anew.
    #[error("{place} has gone back in time: {message}")]
    WentBack {
        /// Where it is.
        place: String,
        /// What was seen.
        message: String,
    },
    /// The disk, or the quota of the store, is full. Nothing was written.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Somebody holds a lock on the file for long. Nothing was written.
    #[error("the store is locked by another program: {0}")]
    Busy(String),
    /// The file cannot be written.
    #[error("the store cannot be written: {0}")]
    ReadOnly(String),
    /// The disk failed. What it has of the last write is unknown, so the engine must stop and begin anew.
    #[error("the disk failed under {place}: {source}")]
    Disk {
        /// Where the store is.
        place: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// A write broke a rule of the schema.
    #[error("a write was refused: {0}")]
    Refused(String),
    /// A stored document cannot be read.
    #[error("a stored {what} cannot be read: {source}")]
    Document {
        /// What it is.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// Everything else that the database says.
    #[error("the database {place} failed: {source}")]
    Database {
        /// Where it is.
        place: String,
        /// What it said.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Whether nothing was written and the same commit may go through later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Full(_)
                | Self::Busy(_)
                | Self::Unavailable { .. }
                | Self::Replica(_)
                | Self::OtherServer { .. }
        )
    }

    /// Whether the engine that got it has lost the right to write; the store itself may be well.
    #[must_use]
    pub fn is_loss_of_lease(&self) -> bool {
        matches!(self, Self::Fenced(_) | Self::LeaseLost(_))
    }

    pub(crate) fn document(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Document { what, source }
    }
}
