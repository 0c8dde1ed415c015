//! What can go wrong with a throw-away server.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A throw-away Postgres could not be made, or not be reached.
#[derive(Debug, Error)]
pub enum Error {
    /// The server's binaries are not installed.
    #[error(
        "no Postgres server: neither PATH nor /usr/lib/postgresql/*/bin holds `initdb` and `postgres`; \
         install it (Debian: `apt-get install postgresql`, macOS: `brew install postgresql`)"
    )]
    NoBinaries,
    /// Postgres refuses to run as root, and there is nobody else to run it as.
    #[error(
        "running as root, and /etc/passwd has neither `nobody` nor `postgres` to run a server as"
    )]
    NoUser,
    /// A file or a process could not be had.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// What came back.
        cause: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    Init(String),
    /// The server did not come up.
    #[error("postgres did not come up within {seconds} s; its log ends with: {log}")]
    NotReady {
        /// How long it had.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// Another server answered.
    #[error("a server whose data folder is {found} answered in place of ours, {ours}")]
    Stranger {
        /// What the server said.
        found: String,
        /// Where our data is.
        ours: PathBuf,
    },
    /// The server is stopped.
    #[error("the server is stopped")]
    Stopped,
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Io { what, cause }
    }
}
