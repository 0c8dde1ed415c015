//! Executions as Cloud Run writes them.

use serde_json::{Value, json};

/// The key of the attempt under test.
pub(crate) const KEY: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234567";
/// The key of a stranger that differs in its end only.
pub(crate) const OTHER_KEY: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234568";

/// The full name of an execution of `etl`.
pub(crate) fn full(short: &str) -> String {
    full_of("etl", short)
}

/// The full name of an execution of any job.
pub(crate) fn full_of(job: &str, short: &str) -> String {
    format!("projects/p/locations/r1/jobs/{job}/executions/{short}")
}

/// An execution that has not begun, with this key, created at this minute past twelve.
pub(crate) fn execution(short: &str, key: &str, minute: u32) -> Value {
    json!({
        "name": full(short), "uid": format!("uid-{short}"), "taskCount": 1,
        "createTime": format!("2026-01-13T12:{minute:02}:00.5Z"), "logUri": "https://logs",
        "template": { "containers": [{ "env": [
            { "name": "TENANT_CODE", "value": key }, { "name": "NOCTULE_ATTEMPT_KEY", "value": key },
        ] }] },
    })
}

/// The same one with these fields over its own.
pub(crate) fn with(mut execution: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        execution[name] = value.clone();
    }
    execution
}

/// The same one, at work.
pub(crate) fn running(execution: Value) -> Value {
    with(
        execution,
        json!({ "startTime": "2026-01-13T12:20:00Z", "runningCount": 1 }),
    )
}

/// The same one, ended well.
pub(crate) fn succeeded(execution: Value) -> Value {
    with(
        execution,
        json!({
            "startTime": "2026-01-13T12:20:00Z", "completionTime": "2026-01-13T12:30:00Z", "succeededCount": 1,
            "conditions": [{ "type": "Completed", "state": "CONDITION_SUCCEEDED" }],
        }),
    )
}

/// The same one, ended badly.
pub(crate) fn failed(execution: Value) -> Value {
    with(
        execution,
        json!({
            "startTime": "2026-01-13T12:20:00Z", "completionTime": "2026-01-13T12:30:00Z", "failedCount": 1,
            "conditions": [{
                "type": "Completed", "state": "CONDITION_FAILED", "executionReason": "NON_ZERO_EXIT_CODE",
                "message": "Task etl-task0 failed",
            }],
        }),
    )
}

/// The answer of a run.
pub(crate) fn operation(execution: Value) -> Value {
    json!({
        "name": "projects/p/locations/r1/operations/op",
        "metadata": with(execution, json!({ "@type": "type.googleapis.com/google.cloud.run.v2.Execution" })),
    })
}

/// A page of a list.
pub(crate) fn page(executions: &[Value], next: &str) -> Value {
    json!({ "executions": executions, "nextPageToken": next })
}
