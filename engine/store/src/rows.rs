//! Documents as rows have them: JSON text, and instants whose texts compare as the instants do.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

pub(crate) fn json<T: Serialize + ?Sized>(
    document: &T,
    what: &'static str,
) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::document(what))
}

pub(crate) fn document<T: DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::document(what))
}

/// An instant as the generated columns have it: always three digits of fraction.
pub(crate) fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
