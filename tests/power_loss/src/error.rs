//! What can go wrong. `Lost` is what this crate is there to find; the rest are faults of the test itself.

use std::io;
use std::path::PathBuf;

use noctule_store::StoreError;

/// Why a campaign ended.
#[derive(Debug, thiserror::Error)]
pub enum PowerError {
    /// An image does not hold what was acknowledged.
    #[error("seed {seed}, after {event} file operations, image {image} ({shape}): {what}")]
    Lost {
        /// Of which workload.
        seed: u64,
        /// Before which operation the power failed.
        event: usize,
        /// Which of the images made there.
        image: u64,
        /// How the rest was kept.
        shape: String,
        /// What is wrong.
        what: String,
    },
    /// The workload itself failed.
    #[error("workload: {0}")]
    Store(#[from] StoreError),
    /// Nothing was recorded where something must have been.
    #[error("the recording is not to be trusted: {0}")]
    Recording(String),
    /// A file of the test cannot be used.
    #[error("cannot {what} {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl PowerError {
    pub(crate) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
