//! Spans as OTLP has them in JSON: ids in hexadecimal digits, instants in nanoseconds as texts. Pure.

use std::collections::BTreeMap;

use noctule_core::run::Instant;
use noctule_core::trace::{Attribute, Span};
use serde_json::{Map, Value, json};

/// `SPAN_KIND_INTERNAL` and `SPAN_KIND_CLIENT`.
const KINDS: [u8; 2] = [1, 3];
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// The body of one request.
pub(crate) fn body<'a>(
    resource: &BTreeMap<String, String>,
    spans: impl Iterator<Item = &'a Span>,
) -> Value {
    let named = resource.iter();
    let resource: Vec<Value> = named
        .map(|(name, value)| attribute(name, &Attribute::Text(value.clone())))
        .collect();
    let spans: Vec<Value> = spans.map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{
            "scope": { "name": "noctule", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans,
        }],
    }] })
}

/// How many spans of a request the receiver did not want, by its answer.
pub(crate) fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = answer.get("partialSuccess")?;
    let count = partial.get("rejectedSpans")?;
    let count = count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .filter(|count| *count > 0)?;
    let why = partial.get("errorMessage").and_then(Value::as_str);
    Some((count, why.unwrap_or("it did not say why").to_owned()))
}

fn span(span: &Span) -> Value {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    put("traceId", json!(span.trace.to_string()));
    put("spanId", json!(span.id.to_string()));
    if let Some(parent) = span.parent {
        put("parentSpanId", json!(parent.to_string()));
    }
    put("name", json!(span.name));
    put("kind", json!(KINDS[usize::from(span.is_call)]));
    put("startTimeUnixNano", nanos(span.began));
    put("endTimeUnixNano", nanos(span.ended));
    let known = span.attributes.iter();
    put(
        "attributes",
        known.map(|(name, value)| attribute(name, value)).collect(),
    );
    let moments = span.moments.iter();
    let event = |(name, at): &(&str, Instant)| json!({ "name": name, "timeUnixNano": nanos(*at) });
    put("events", moments.map(event).collect());
    match &span.fault {
        Some(why) => put("status", json!({ "code": ERROR, "message": why })),
        None => put("status", json!({})),
    }
    Value::Object(all)
}

fn attribute(name: &str, value: &Attribute) -> Value {
    let value = match value {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Whole(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}

/// 64 bits are more than a number of JSON surely holds.
fn nanos(at: Instant) -> Value {
    let nanos = at.timestamp_nanos_opt().unwrap_or_default().max(0);
    json!(nanos.to_string())
}

#[cfg(test)]
mod tests {
    use super::rejected;

    #[test]
    fn what_a_receiver_did_not_want_is_read_from_its_answer() {
        let text = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(rejected(text), Some((3, "too old".to_owned())));
        let number = br#"{"partialSuccess":{"rejectedSpans":2}}"#;
        assert_eq!(rejected(number).map(|(count, _)| count), Some(2));
        let none: [&[u8]; 5] = [
            b"",
            b"{}",
            br#"{"partialSuccess":{}}"#,
            br#"{"partialSuccess":{"rejectedSpans":"0"}}"#,
            b"<html>",
        ];
        for answer in none {
            assert_eq!(rejected(answer), None);
        }
    }
}
