//! What can keep the server from starting, and the night from being told without one.

use thiserror::Error;

/// Why there is no server.
#[derive(Debug, Error)]
pub enum WebError {
    /// `engine.public_url` is no address that a browser could show.
    #[error("engine.public_url: `{0}` is not http(s)://HOST[:PORT][/PATH]")]
    PublicUrl(String),
    /// People cannot come back from the provider.
    #[error("[engine.oidc] needs engine.public_url: the provider sends people back there")]
    NoWayBack,
    /// The store cannot be read.
    #[error("{0}")]
    Unread(String),
    /// The provider of logins cannot be asked by this machine.
    #[error("[engine.oidc]: failed to set up a client: {0}")]
    Client(reqwest::Error),
}
