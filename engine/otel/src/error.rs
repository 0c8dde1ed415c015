//! What can be wrong with where spans go.

use thiserror::Error;

/// What can be wrong with where spans go.
#[derive(Debug, Error)]
pub enum OtelError {
    /// The address cannot be used.
    #[error("the address of the receiver of spans cannot be used: {0}")]
    Address(String),
    /// A header cannot be sent. Its value is not repeated.
    #[error("header `{0}` for the receiver of spans cannot be sent")]
    Header(String),
    /// No client can be made.
    #[error("no client for the receiver of spans can be made: {0}")]
    Client(String),
}
