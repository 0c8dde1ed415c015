//! What can keep the server from starting.

use thiserror::Error;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum WebError {
    /// `engine.public_url` is no address that a browser could show.
    #[error("engine.public_url: `{0}` is not http(s)://HOST[:PORT][/PATH]")]
    PublicUrl(String),
}
