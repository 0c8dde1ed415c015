//! Instants in JSON: RFC 3339 in UTC, always with milliseconds.

use chrono::SecondsFormat;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::run::Instant;

pub(super) fn write<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
        .serialize(serializer)
}

pub(super) fn write_optional<S: Serializer>(
    at: &Option<Instant>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
        .serialize(serializer)
}

pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

pub(super) fn optional_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "format": "date-time" })
}
