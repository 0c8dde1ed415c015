//! What can fail in this crate. Never holds the value of an environment entry.

use std::io;
use std::path::PathBuf;

use thiserror::Error as ThisError;

/// A failure of the executor or of its supervisor.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A file of an attempt or of the supervisor, or their folder.
    #[error("failed to {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// A document that is not what it should be.
    #[error("failed to read {what}")]
    Decode {
        /// Which document.
        what: &'static str,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// A key that cannot be the name of a file.
    #[error("failed to use `{0}` as an attempt key: it may hold 1 to 80 of A-Z a-z 0-9 -")]
    Key(String),
    /// A message that is too long for the socket.
    #[error("failed to send {size} bytes to the supervisor: at most {limit}")]
    Frame {
        /// The length of the message.
        size: usize,
        /// The most it may be.
        limit: usize,
    },
    /// The socket.
    #[error("failed to {what} the supervisor")]
    Socket {
        /// What was tried.
        what: &'static str,
        /// What came back.
        source: io::Error,
    },
    /// The supervisor went away before it answered.
    #[error("failed to hear from the supervisor: it went away")]
    Gone,
    /// The supervisor refuses to talk to this engine.
    #[error("failed to agree with the running supervisor: {0}")]
    Disagreed(String),
    /// The supervisor did not come up.
    #[error("failed to start the supervisor: {0}")]
    Start(String),
    /// A system call of the supervisor.
    #[error("failed to {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What came back.
        source: io::Error,
    },
}

impl Error {
    /// The message with those of its sources, in one line.
    #[must_use]
    pub fn full(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }

    /// For `map_err` at a path.
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// For `map_err` at a system call.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System {
            what,
            source: source.into(),
        }
    }

    /// For `map_err` at the socket.
    pub(crate) fn socket(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Socket { what, source }
    }
}
