//! What can go wrong in the service.

use std::io;

use thiserror::Error;

/// The service could not do what it was asked to.
#[derive(Debug, Error)]
pub enum AdvertError {
    /// The database could not be used.
    #[error("{what}: {source}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// What came back.
        source: sqlx::Error,
    },
    /// The address is not to be had.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// What came back.
        source: io::Error,
    },
}

impl AdvertError {
    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { what, source }
    }
}
