//! What Google answers: never a success that the counts do not bear out, never a launch called refused that may have been.

use chrono::{DateTime, Utc};
use noctule_cloud_run::untrusted;
use noctule_executor::ExecutorError;
use serde_json::Value;

/// The record of an execution; also as the answer to a launch, and as the output of an earlier try.
pub fn cloud_run_execution(data: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    if let Some((word, output)) = untrusted::execution(&record) {
        let borne_out = is_success(&record);
        assert!(word != "succeeded" || borne_out, "{record} is no success");
        let word_of_output = output.as_ref().and_then(|output| output.get("status"));
        assert!(word_of_output != Some(&Value::from("succeeded")) || borne_out);
    }
    if let Some(name) = untrusted::operation(&record) {
        assert!(!name.contains('/'), "{name:?}");
    }
    for count in [1, 3, 1000] {
        if let Some(left) = untrusted::left_to_run(&record, count) {
            assert!(!left.is_empty() && left.iter().all(|index| *index < count));
        }
    }
}

/// Said again, without the code that decides.
fn is_success(record: &Value) -> bool {
    let count = |field: &str| match record.get(field) {
        Some(Value::Number(number)) => number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            .or_else(|| number.as_f64().map(|_| -1)),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let conditions = record.get("conditions").and_then(Value::as_array);
    let completed = conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == "Completed");
    let state = completed.map(|one| &one["state"]);
    let succeeded =
        state.is_some_and(|state| *state == "CONDITION_SUCCEEDED" || *state == 4 || *state == "4");
    let none = |field| count(field).unwrap_or(0) <= 0;
    let all = count("taskCount").filter(|tasks| *tasks > 0);
    succeeded
        && record["completionTime"].is_string()
        && all.is_some()
        && count("succeededCount") == all
        && none("failedCount")
        && none("cancelledCount")
}

/// A status, the length of a `Retry-After`, that header, then the body.
pub fn cloud_run_refusal(data: &[u8]) {
    let Some((&[high, low, length], rest)) = data.split_first_chunk() else {
        return;
    };
    let status = 300 + u16::from_be_bytes([high, low]) % 400;
    let (header, body) = rest.split_at(usize::from(length).min(rest.len()));
    let Some(error) = untrusted::refusal(status, header, body, DateTime::<Utc>::UNIX_EPOCH) else {
        return;
    };
    let maybe_started = matches!(status, 300..=399 | 408 | 425 | 499 | 500..);
    let unknown = matches!(error, ExecutorError::Unknown { .. });
    assert_eq!(unknown, maybe_started, "{status}: {error:?}");
    assert!(error.to_string().len() < 4_096, "what a server says is cut");
}

/// A cursor, a line feed, then a page of log entries.
pub fn cloud_run_log(data: &[u8]) {
    let cut = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (cursor, page) = data.split_at(cut);
    let cursor = String::from_utf8_lossy(cursor);
    let Ok(page) = serde_json::from_slice::<Value>(page) else {
        return;
    };
    let (bytes, next) = untrusted::entries(&cursor, &page);
    assert!(bytes.len() <= 16 << 20, "{} bytes", bytes.len());
    let Some(next) = next else { return };
    // Whatever is still within the overlap is not given out twice; whatever has no time cannot be told apart.
    let timed = |entry: &Value| {
        entry
            .get("timestamp")
            .or_else(|| entry.get("receiveTimestamp"))
            .is_some()
    };
    let all_timed = page
        .as_array()
        .is_some_and(|page| page.len() == 1 && page.iter().all(timed));
    let (again, _) = untrusted::entries(&next, &page);
    let legible = page
        .as_array()
        .and_then(|page| page.first())
        .and_then(|entry| entry["timestamp"].as_str())
        .is_some_and(|at| DateTime::parse_from_rfc3339(at).is_ok());
    let latest = cursor.is_empty();
    assert!(
        !(all_timed && legible && latest) || again.is_empty(),
        "given out twice"
    );
}
