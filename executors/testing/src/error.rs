//! What the scripted world and the conformance suite can fail with.

use std::path::PathBuf;

use thiserror::Error;

use crate::conformance::Report;

/// An error of this crate.
#[derive(Error)]
pub enum TestingError {
    /// A file of a world on disk.
    #[error("world on disk, {path}: {source}")]
    World {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A script that cannot be read.
    #[error("script: {message}")]
    Script {
        /// What is wrong with it.
        message: String,
    },
    /// An executor that breaks rules of the contract.
    #[error("the executor breaks its contract\n{0}")]
    NotConforming(Report),
}

/// A test that returns this error is shown the whole report, not a structure.
impl std::fmt::Debug for TestingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
