//! Exports spans of runs and attempts to an OpenTelemetry receiver: OTLP over HTTP, in JSON.
//!
//! Guarantees: [`Exporter::offer`](noctule_runtime::SpanSink::offer) waits for nobody, whatever the receiver does; what is
//! kept is bounded in number and in time, and what is not exported is counted. Which spans there are, and under which
//! ids, is decided elsewhere (`noctule_core::trace`).
//!
//! Never: writes the store, or prints the value of a header.

mod destination;
mod error;
mod exporter;
mod otlp;
mod sending;

pub use destination::{Destination, FromEnvironment};
pub use error::OtelError;
pub use exporter::{Exporter, Pacing};
