//! A connection of the project file, as an executor receives it: its kind and its settings, secrets still references.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// A named connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// The name in `[connections.NAME]`.
    pub name: String,
    /// `kind`: `google`, `aws`, `postgres`, `http`, …
    pub kind: String,
    /// Every other key of the table, `vars` rendered.
    pub settings: Map<String, Value>,
}

impl Connection {
    /// Reads the settings as the executor's own type.
    ///
    /// # Errors
    /// The message of serde, when a key is unknown, missing or of another type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_value(Value::Object(self.settings.clone()))
            .map_err(|error| format!("connection `{}`: {error}", self.name))
    }
}
