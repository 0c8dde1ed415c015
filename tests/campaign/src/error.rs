//! Why a campaign could not be carried out. What it finds wrong with the product is a finding, not an error.

use thiserror::Error;

/// A campaign that could not be carried out.
#[derive(Debug, Error)]
pub enum CampaignError {
    /// A file, a process or a socket failed us.
    #[error("failed to {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What came back.
        source: std::io::Error,
    },
    /// The store could not be looked at.
    #[error("failed to look at the store: {0}")]
    Store(#[from] noctule_store::StoreError),
    /// The throw-away Postgres failed us.
    #[error("failed to use the throw-away Postgres: {0}")]
    Postgres(#[from] noctule_test_postgres::Error),
    /// A statement of ours failed.
    #[error("failed to ask the database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Something else.
    #[error("{0}")]
    Failed(String),
}

impl CampaignError {
    /// A failure of a file, a process or a socket.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
