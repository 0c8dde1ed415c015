//! The verdict table: each row of what an execution may say, with what it means.

use noctule_executor::{ErrorClass, Outcome};
use serde_json::{Value, json};

use super::{Verdict, verdict};
use crate::execution::Execution;

const CREATED: &str = "2026-01-13T12:00:00Z";
const STARTED: &str = "2026-01-13T12:00:05.123456Z";
const ENDED: &str = "2026-01-13T12:10:00Z";

/// An execution of these fields over the usual ones.
fn read(fields: Value) -> Verdict {
    let mut execution = json!({
        "name": "projects/p/locations/r1/jobs/etl/executions/etl-1", "createTime": CREATED,
        "taskCount": 2, "logUri": "https://logs",
    });
    let Value::Object(fields) = fields else {
        panic!("fields are a table")
    };
    for (name, value) in fields {
        execution[name] = value;
    }
    verdict(&Execution::read(&execution).unwrap())
}

fn completed(state: &str) -> Value {
    json!([{ "type": "Started", "state": "CONDITION_SUCCEEDED" }, { "type": "Completed", "state": state }])
}

fn execution_reason(state: &str, reason: &str) -> Value {
    json!([{ "type": "Completed", "state": state, "executionReason": reason, "message": "said so" }])
}

fn reason(state: &str, reason: &str) -> Value {
    json!([{ "type": "Completed", "state": state, "reason": reason, "message": "said so" }])
}

/// The word of a verdict, short enough for a table.
fn word(verdict: &Verdict) -> String {
    let of = |outcome: &Outcome| match outcome {
        Outcome::Succeeded { .. } => "succeeded".to_owned(),
        Outcome::Cancelled { .. } => "cancelled".to_owned(),
        Outcome::Failed { class, .. } => format!("failed {class}"),
    };
    match verdict {
        Verdict::Queued => "queued".to_owned(),
        Verdict::Running { .. } => "running".to_owned(),
        Verdict::Gone { .. } => "gone".to_owned(),
        Verdict::Ended(finished) => of(&finished.outcome),
        Verdict::Doubtful(finished) => format!("doubtful {}", of(&finished.outcome)),
    }
}

#[test]
fn open_executions_have_no_verdict() {
    for (fields, expected) in [
        (json!({}), "queued"),
        (
            json!({ "conditions": completed("CONDITION_PENDING") }),
            "queued",
        ),
        (
            json!({ "conditions": completed("CONDITION_RECONCILING") }),
            "queued",
        ),
        (
            json!({ "conditions": [{ "type": "Completed", "state": 2 }] }),
            "queued",
        ),
        (json!({ "startTime": STARTED }), "running"),
        (json!({ "runningCount": 1 }), "running"),
        (json!({ "runningCount": "1", "failedCount": 1 }), "running"),
        (
            json!({ "conditions": execution_reason("CONDITION_RECONCILING", "CANCELLING") }),
            "running",
        ),
        (
            json!({ "startTime": STARTED, "conditions": execution_reason("CONDITION_RECONCILING", "JOB_STATUS_SERVICE_POLLING_ERROR") }),
            "running",
        ),
        (
            json!({ "completionTime": ENDED, "conditions": execution_reason("CONDITION_RECONCILING", "JOB_STATUS_SERVICE_POLLING_ERROR") }),
            "running",
        ),
        // Done by its counts and its condition, but nobody wrote down that it completed.
        (
            json!({ "startTime": STARTED, "succeededCount": 2, "conditions": completed("CONDITION_SUCCEEDED") }),
            "running",
        ),
        // One task failed, the other still runs.
        (
            json!({ "startTime": STARTED, "runningCount": 1, "failedCount": 1, "conditions": execution_reason("CONDITION_FAILED", "NON_ZERO_EXIT_CODE") }),
            "running",
        ),
        (
            json!({ "startTime": STARTED, "completionTime": ENDED, "conditions": completed("CONDITION_RECONCILING") }),
            "running",
        ),
    ] {
        assert_eq!(word(&read(fields.clone())), expected, "{fields}");
    }
}

#[test]
fn success_needs_every_count() {
    let done = |counts: Value| {
        let mut fields = json!({
            "startTime": STARTED, "completionTime": ENDED, "conditions": completed("CONDITION_SUCCEEDED"),
        });
        for (name, value) in counts.as_object().unwrap() {
            fields[name] = value.clone();
        }
        word(&read(fields))
    };
    assert_eq!(done(json!({ "succeededCount": 2 })), "succeeded");
    assert_eq!(
        done(json!({ "succeededCount": "2", "taskCount": "2" })),
        "succeeded"
    );
    assert_eq!(
        done(json!({ "succeededCount": 2, "retriedCount": 1 })),
        "succeeded"
    );
    assert_eq!(
        done(json!({ "succeededCount": 1, "failedCount": 1 })),
        "failed user"
    );
    assert_eq!(
        done(json!({ "succeededCount": 2, "failedCount": 1 })),
        "failed user"
    );
    for counts in [
        json!({}),
        json!({ "succeededCount": 1 }),
        json!({ "succeededCount": 3 }),
        json!({ "succeededCount": 1, "cancelledCount": 1 }),
        json!({ "succeededCount": 2, "cancelledCount": 1 }),
        json!({ "taskCount": 0 }),
        json!({ "taskCount": null }),
    ] {
        assert_eq!(done(counts.clone()), "doubtful failed unknown", "{counts}");
    }
}

#[test]
fn enums_as_numbers_mean_the_same() {
    let fields = json!({
        "startTime": STARTED, "completionTime": ENDED, "succeededCount": 2,
        "conditions": [{ "type": "Completed", "state": 4 }],
    });
    assert_eq!(word(&read(fields)), "succeeded");
    let fields = json!({
        "completionTime": ENDED, "startTime": STARTED, "conditions": [{ "type": "Completed", "state": 3, "executionReason": 3 }],
    });
    assert_eq!(word(&read(fields)), "cancelled");
    let fields = json!({ "conditions": [{ "type": "Completed", "state": 3, "reason": 6 }] });
    assert_eq!(word(&read(fields)), "failed config");
}

#[test]
fn ended_without_success() {
    for (fields, expected) in [
        // A cancelled execution: no count says so.
        (
            json!({ "startTime": STARTED, "conditions": execution_reason("CONDITION_FAILED", "CANCELLED") }),
            "cancelled",
        ),
        (
            json!({ "startTime": STARTED, "cancelledCount": 2, "conditions": completed("CONDITION_FAILED") }),
            "cancelled",
        ),
        (
            json!({ "startTime": STARTED, "succeededCount": 1, "cancelledCount": 1, "conditions": completed("CONDITION_FAILED") }),
            "cancelled",
        ),
        (
            json!({ "startTime": STARTED, "failedCount": 1, "conditions": execution_reason("CONDITION_FAILED", "NON_ZERO_EXIT_CODE") }),
            "failed user",
        ),
        (
            json!({ "failedCount": 2, "conditions": completed("CONDITION_FAILED") }),
            "failed user",
        ),
        (
            json!({ "startTime": STARTED, "conditions": completed("CONDITION_FAILED") }),
            "failed user",
        ),
        (json!({ "failedCount": 1 }), "failed user"),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "PROGRESS_DEADLINE_EXCEEDED") }),
            "failed never_started",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "CONTAINER_MISSING") }),
            "failed config",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "SECRETS_ACCESS_CHECK_FAILED") }),
            "failed config",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "ENCRYPTION_KEY_CHECK_FAILED") }),
            "failed config",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "ENCRYPTION_KEY_PERMISSION_DENIED") }),
            "failed config",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "VPC_NETWORK_NOT_FOUND") }),
            "failed config",
        ),
        (
            json!({ "conditions": reason("CONDITION_FAILED", "CONTAINER_PERMISSION_DENIED") }),
            "failed permission",
        ),
        (
            json!({ "conditions": execution_reason("CONDITION_FAILED", "DELETED") }),
            "gone",
        ),
        (json!({ "succeededCount": 2 }), "doubtful failed unknown"),
    ] {
        let mut done = fields.clone();
        done["completionTime"] = json!(ENDED);
        assert_eq!(word(&read(done)), expected, "{fields}");
    }
}

#[test]
fn reasons_that_only_a_change_mends_need_no_completion_time() {
    for name in [
        "CONTAINER_MISSING",
        "SECRETS_ACCESS_CHECK_FAILED",
        "VPC_NETWORK_NOT_FOUND",
    ] {
        assert_eq!(
            word(&read(
                json!({ "conditions": reason("CONDITION_FAILED", name) })
            )),
            "failed config"
        );
        assert_eq!(
            word(&read(
                json!({ "conditions": reason("CONDITION_RECONCILING", name) })
            )),
            "queued"
        );
    }
}

#[test]
fn deletion_ends_only_what_had_not_ended() {
    assert_eq!(
        word(&read(json!({ "deleteTime": ENDED, "startTime": STARTED }))),
        "gone"
    );
    assert_eq!(
        word(&read(
            json!({ "conditions": execution_reason("CONDITION_RECONCILING", "DELETED") })
        )),
        "gone"
    );
    let succeeded = json!({
        "deleteTime": ENDED, "completionTime": ENDED, "succeededCount": 2, "conditions": completed("CONDITION_SUCCEEDED"),
    });
    assert_eq!(word(&read(succeeded)), "succeeded");
}

#[test]
fn the_output_and_the_times() {
    let Verdict::Ended(finished) = read(json!({
        "startTime": STARTED, "completionTime": ENDED, "succeededCount": 2, "conditions": completed("CONDITION_SUCCEEDED"),
    })) else {
        panic!("it has ended")
    };
    assert_eq!(
        finished.outcome.output(),
        Some(&json!({
            "status": "succeeded", "execution_name": "projects/p/locations/r1/jobs/etl/executions/etl-1",
            "succeeded_count": 2, "failed_count": 0, "cancelled_count": 0, "retried_count": 0, "task_count": 2,
            "completion_time": ENDED, "log_uri": "https://logs",
        }))
    );
    assert_eq!(
        finished.ended_at.unwrap().to_rfc3339(),
        "2026-01-13T12:10:00+00:00"
    );
    assert!(finished.started_at.is_some());
}

#[test]
fn the_message_is_the_conditions_own() {
    let Verdict::Ended(finished) = read(json!({
        "completionTime": ENDED, "failedCount": 1, "conditions": execution_reason("CONDITION_FAILED", "NON_ZERO_EXIT_CODE"),
    })) else {
        panic!("it has ended")
    };
    assert!(matches!(
        finished.outcome,
        Outcome::Failed { class: ErrorClass::User, ref message, .. } if message == "said so"
    ));
}
