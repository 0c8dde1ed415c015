//! Bringing messages to their receivers: signed webhooks, Slack, mail, callbacks, and the heartbeat.
//!
//! Guarantees: a delivery ends within a bounded time; every one carries the id of its message; text of strangers reaches a
//! receiver escaped for where it stands. An address that came over the API leads into no private network.
//!
//! Never: decides what is told, writes the store, logs an address that may be a secret, or follows a redirect.

mod document;
mod error;
mod finding;
mod mail;
mod post;
mod signing;
mod slack;
mod target;
mod webhook;

pub use self::error::NotifyError;
pub use self::post::{Post, Settings};
pub use self::signing::{Signature, sign};
