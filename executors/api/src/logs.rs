//! Log pages: bytes as the work wrote them, and where to go on.

use serde::{Deserialize, Serialize};

/// Where the next page begins; opaque to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogCursor(pub String);

/// A bounded part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The bytes as they were written; bounded by the executor (at most 1 MiB).
    pub bytes: Vec<u8>,
    /// Where to go on; `None` leaves the cursor where it was.
    pub next: Option<LogCursor>,
    /// Nothing more is there now. While the work runs, more may come.
    pub drained: bool,
}

impl LogPage {
    /// A page that says: nothing more is there now.
    #[must_use]
    pub fn end() -> Self {
        Self {
            bytes: Vec::new(),
            next: None,
            drained: true,
        }
    }
}
