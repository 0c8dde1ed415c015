//! How the API writes the time.

use chrono::{DateTime, SecondsFormat, Utc};

/// A timestamp of proto3 JSON.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
