//! The request as a canonical document, stored before it is sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request: method, path, headers but for authentication, body; or command, environment, folder. Secrets are references.
///
/// JSON objects keep their keys sorted, so the same request is the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Request(pub Value);

impl Request {
    /// The document as canonical bytes: compact JSON, keys sorted.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_string()
    }
}
