//! Whether this identity can reach and do all that these configurations need.
//!
//! Guarantees: starts nothing and changes nothing.

use noctule_executor::Finding;
use serde_json::Value;

use crate::session::Session;

/// Findings.
pub(crate) async fn findings(_session: &Session<'_>, _configs: &[Value]) -> Vec<Finding> {
    Vec::new()
}

/// What a finding says about a connection that cannot be used at all.
pub(crate) fn unusable(message: String) -> Vec<Finding> {
    vec![Finding {
        good: false,
        subject: "aws connection".to_owned(),
        message,
    }]
}
