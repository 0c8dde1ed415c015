//! What an execution's record means. The one place that decides how remote work ended.
//!
//! Guarantees: pure. Success needs all of it: `Completed` succeeded, a completion time, every task succeeded, none
//! failed or cancelled. What contradicts itself is `Doubtful`: it is read again before it counts, and never a success.
//! Facts: the fields and reasons of the v2 schema; a cancelled execution ends its operation without an error, so the
//! operation is never asked.

use chrono::{DateTime, Utc};
use noctule_executor::{ErrorClass, Finished, Outcome};
use serde_json::{Value, json};

use crate::execution::{Condition, Execution, State};

/// The meaning of one reading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Accepted, not begun.
    Queued,
    /// At work, or stopping.
    Running { started_at: Option<DateTime<Utc>> },
    /// It ended.
    Ended(Finished),
    /// It ended, but its record contradicts itself: perhaps it is still being written.
    Doubtful(Finished),
    /// Somebody deleted it before it ended.
    Gone { reason: String },
}

/// Reads the record.
pub(crate) fn verdict(execution: &Execution) -> Verdict {
    let completed = execution.completed.clone().unwrap_or_default();
    let reason = completed.execution_reason.as_deref();
    if has_ended(execution, &completed) {
        return ended(execution, &completed);
    }
    if execution.deleted_at.is_some() || reason == Some("DELETED") {
        return gone(execution);
    }
    let started = execution.started_at.is_some() || execution.running > 0;
    if started || reason == Some("CANCELLING") || execution.completed_at.is_some() {
        return Verdict::Running {
            started_at: execution.started_at,
        };
    }
    Verdict::Queued
}

/// A completion time and a state that is final. A reason that only a change can mend is final without the time,
/// since nothing was ever started that could complete.
fn has_ended(execution: &Execution, completed: &Condition) -> bool {
    // The platform failed to read its own record and will try again, whatever else stands there.
    let polling_error =
        completed.execution_reason.as_deref() == Some("JOB_STATUS_SERVICE_POLLING_ERROR");
    let absent = execution.completed.is_none();
    match completed.state {
        State::Open => execution.completed_at.is_some() && absent && !polling_error,
        State::Succeeded => execution.completed_at.is_some(),
        State::Failed if execution.completed_at.is_some() => true,
        State::Failed => execution.running == 0 && class_of_reason(completed).is_some(),
    }
}

fn ended(execution: &Execution, completed: &Condition) -> Verdict {
    let all_succeeded = execution.task_count > 0
        && execution.succeeded == execution.task_count
        && execution.failed == 0
        && execution.cancelled == 0;
    let reason = completed.execution_reason.as_deref();
    match completed.state {
        State::Succeeded if all_succeeded => Verdict::Ended(finished(
            execution,
            Outcome::Succeeded {
                output: output(execution, "succeeded"),
            },
        )),
        State::Failed if reason == Some("CANCELLED") || execution.cancelled > 0 => {
            Verdict::Ended(cancelled(execution))
        }
        State::Failed if reason == Some("DELETED") => gone(execution),
        State::Failed => Verdict::Ended(failed(execution, completed)),
        State::Succeeded | State::Open if execution.failed > 0 => {
            Verdict::Ended(failed(execution, completed))
        }
        State::Succeeded | State::Open => Verdict::Doubtful(contradiction(execution)),
    }
}

fn finished(execution: &Execution, outcome: Outcome) -> Finished {
    Finished {
        outcome,
        started_at: execution.started_at,
        ended_at: execution.completed_at,
    }
}

fn gone(execution: &Execution) -> Verdict {
    Verdict::Gone {
        reason: format!(
            "execution `{}` was deleted before it ended",
            execution.short_name()
        ),
    }
}

fn cancelled(execution: &Execution) -> Finished {
    let output = Some(output(execution, "cancelled"));
    finished(execution, Outcome::Cancelled { by: None, output })
}

fn failed(execution: &Execution, completed: &Condition) -> Finished {
    let class = class_of_reason(completed).unwrap_or_else(|| class_of_counts(execution, completed));
    let message = completed.message.clone().unwrap_or_else(|| {
        format!(
            "execution `{}` failed: {} of {} tasks failed",
            execution.short_name(),
            execution.failed,
            execution.task_count
        )
    });
    finished(
        execution,
        Outcome::failed(class, message, Some(output(execution, "failed"))),
    )
}

/// Reasons that are no fault of the work itself.
fn class_of_reason(completed: &Condition) -> Option<ErrorClass> {
    match completed.reason.as_deref()? {
        "CONTAINER_PERMISSION_DENIED" => Some(ErrorClass::Permission),
        "CONTAINER_MISSING"
        | "CONTAINER_IMAGE_UNAUTHORIZED"
        | "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED"
        | "SECRETS_ACCESS_CHECK_FAILED"
        | "ENCRYPTION_KEY_PERMISSION_DENIED"
        | "ENCRYPTION_KEY_CHECK_FAILED"
        | "VPC_NETWORK_NOT_FOUND" => Some(ErrorClass::Config),
        _ => None,
    }
}

/// Work that never began cannot have failed by its own fault.
fn class_of_counts(execution: &Execution, completed: &Condition) -> ErrorClass {
    let exited = completed.execution_reason.as_deref() == Some("NON_ZERO_EXIT_CODE");
    let began = execution.started_at.is_some() || execution.failed > 0 || execution.succeeded > 0;
    if began || exited {
        ErrorClass::User
    } else {
        ErrorClass::NeverStarted
    }
}

fn contradiction(execution: &Execution) -> Finished {
    let message = format!(
        "execution `{}` has ended, but its record does not say how: {} of {} tasks succeeded, {} failed, {} were cancelled",
        execution.short_name(),
        execution.succeeded,
        execution.task_count,
        execution.failed,
        execution.cancelled,
    );
    let output = Some(output(execution, "unknown"));
    finished(
        execution,
        Outcome::failed(ErrorClass::Unknown, message, output),
    )
}

fn output(execution: &Execution, status: &str) -> Value {
    json!({
        "status": status,
        "execution_name": execution.name,
        "succeeded_count": execution.succeeded,
        "failed_count": execution.failed,
        "cancelled_count": execution.cancelled,
        "retried_count": execution.retried,
        "task_count": execution.task_count,
        "completion_time": execution.completed_at,
        "log_uri": execution.log_uri,
    })
}

#[cfg(test)]
#[path = "verdict_table.rs"]
mod table;
