//! What remains after work: resources to clear away, and work that carries our mark though nobody wants it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::AttemptKey;

/// How those who used the work have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// All good, or nobody used it.
    Good,
    /// One of them ended bad: what the work has not handed over yet may still be in it.
    Bad,
}

/// How far a clearing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "clearing")]
pub enum Clearing {
    /// Nothing is left.
    Done,
    /// Something is left that only time clears; to be asked again.
    Pending {
        /// Not before.
        again_after: Duration,
    },
}

/// A piece of remote work that carries our store's mark and has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Owned<H> {
    /// The attempt key that it carries.
    pub key: AttemptKey,
    /// How to find it.
    pub handle: H,
    /// When it was made, where the backend says so.
    pub since: Option<DateTime<Utc>>,
}
