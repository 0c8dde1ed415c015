//! What can go wrong with a store: what was tried on which file, and what a caller can do about it.

use std::path::{Path, PathBuf};

use noctule_core::name::ProfileName;
use thiserror::Error;

use crate::lock::Owner;

/// A failed call to the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address is none of ours.
    #[error("`{0}` is not a store address: it is `sqlite://PATH` (Postgres comes later)")]
    Address(String),
    /// There is no store, and none was to be made.
    #[error("there is no store at {0}")]
    Missing(PathBuf),
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
    /// The file is not a store of ours, or is damaged. It is left as it is.
    #[error("{path} cannot be used as a store: {message}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
    /// A newer noctule wrote it.
    #[error("{path} has schema version {found}, this noctule knows {known}: use the newer noctule")]
    SchemaNewer {
        /// The file.
        path: PathBuf,
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
    /// Another engine took the store over. This one must stop.
    #[error("another engine has taken the store over (epoch {0} is past)")]
    Fenced(i64),
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
    #[error("the disk failed under {path}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
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
    #[error("the database {path} failed: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Whether nothing was written and the same commit may go through later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Busy(_))
    }

    pub(crate) fn document(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Document { what, source }
    }

    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("failed to {doing} {}: {source}", path.display()))
            }
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                Self::ReadOnly(format!("failed to {doing} {}: {source}", path.display()))
            }
            _ => Self::File {
                doing,
                path,
                source,
            },
        }
    }

    pub(crate) fn corrupt(path: &Path, message: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            message: message.into(),
        }
    }

    fn database(path: &Path, source: sqlx::Error) -> Self {
        let owned = path.to_owned();
        let Some(said) = source.as_database_error() else {
            return Self::Database {
                path: owned,
                source,
            };
        };
        let message = format!("{}: {}", path.display(), said.message());
        let code = said
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .unwrap_or_default();
        // Extended result codes: the low byte is the primary one (sqlite.org/rescode.html).
        match (code, code & 0xff) {
            // The shared memory file could not grow: a full disk says so in this way.
            (4874, _) | (_, 13) => Self::Full(message),
            (_, 5 | 6) => Self::Busy(message),
            (_, 8) => Self::ReadOnly(message),
            (_, 10) => Self::Disk {
                path: owned,
                source,
            },
            (_, 11 | 26) => Self::Corrupt {
                path: owned,
                message: said.message().to_owned(),
            },
            // Constraints; a document larger than the database takes.
            (_, 18 | 19) => Self::Refused(said.message().to_owned()),
            _ => Self::Database {
                path: owned,
                source,
            },
        }
    }
}

/// Says on which file a statement failed.
pub(crate) trait On<T> {
    /// The same result, its error as ours.
    fn on(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> On<T> for Result<T, sqlx::Error> {
    fn on(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::database(path, error))
    }
}
