//! Who asked for something.

use serde::{Deserialize, Serialize};

/// A person or program, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name of the user or token.
    pub name: String,
    /// How they came: `cli`, `api`, `engine`.
    pub via: String,
}
