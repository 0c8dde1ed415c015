//! An execution as Cloud Run writes it down, and one of its tasks.
//!
//! Guarantees: reads any object; says nothing about what it means (that is `verdict`).
//! Facts: `GoogleCloudRunV2Execution`, `…Condition`, `…Task` of the v2 schema; enum numbers of `condition.proto`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::lenient;
use crate::rules::KEY_VARIABLE;

const STATES: [(i64, &str); 4] = [
    (1, "CONDITION_PENDING"),
    (2, "CONDITION_RECONCILING"),
    (3, "CONDITION_FAILED"),
    (4, "CONDITION_SUCCEEDED"),
];

const COMMON_REASONS: [(i64, &str); 16] = [
    (1, "UNKNOWN"),
    (2, "ROUTE_MISSING"),
    (3, "REVISION_FAILED"),
    (4, "PROGRESS_DEADLINE_EXCEEDED"),
    (6, "CONTAINER_MISSING"),
    (7, "CONTAINER_PERMISSION_DENIED"),
    (8, "CONTAINER_IMAGE_UNAUTHORIZED"),
    (9, "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED"),
    (10, "ENCRYPTION_KEY_PERMISSION_DENIED"),
    (11, "ENCRYPTION_KEY_CHECK_FAILED"),
    (12, "SECRETS_ACCESS_CHECK_FAILED"),
    (13, "WAITING_FOR_OPERATION"),
    (14, "IMMEDIATE_RETRY"),
    (15, "POSTPONED_RETRY"),
    (16, "INTERNAL"),
    (17, "VPC_NETWORK_NOT_FOUND"),
];

const EXECUTION_REASONS: [(i64, &str); 5] = [
    (1, "JOB_STATUS_SERVICE_POLLING_ERROR"),
    (2, "NON_ZERO_EXIT_CODE"),
    (3, "CANCELLED"),
    (4, "CANCELLING"),
    (5, "DELETED"),
];

/// One run of a job.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Execution {
    pub(crate) name: String,
    pub(crate) uid: Option<String>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
    pub(crate) task_count: u64,
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) retried: u64,
    /// The condition of type `Completed`.
    pub(crate) completed: Option<Condition>,
    pub(crate) log_uri: Option<String>,
    /// The attempt keys in the containers' environment: one where Noctule started it, none where somebody else did.
    pub(crate) keys: Vec<String>,
}

/// How one aspect of an execution stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Condition {
    pub(crate) state: State,
    pub(crate) message: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) execution_reason: Option<String>,
}

/// The state of a condition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Pending, reconciling, or a word that is not known.
    #[default]
    Open,
    Failed,
    Succeeded,
}

impl Execution {
    /// Reads an execution; `None` when it has no name, so that it is none.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let conditions = lenient::list(value, "conditions");
        let completed = conditions.iter().find(|condition| {
            condition
                .get("type")
                .is_some_and(|kind| kind == "Completed")
        });
        Some(Self {
            name: lenient::text(value, "name")?,
            uid: lenient::text(value, "uid"),
            created_at: lenient::time(value, "createTime"),
            started_at: lenient::time(value, "startTime"),
            completed_at: lenient::time(value, "completionTime"),
            deleted_at: lenient::time(value, "deleteTime"),
            task_count: lenient::count(value, "taskCount"),
            running: lenient::count(value, "runningCount"),
            succeeded: lenient::count(value, "succeededCount"),
            failed: lenient::count(value, "failedCount"),
            cancelled: lenient::count(value, "cancelledCount"),
            retried: lenient::count(value, "retriedCount"),
            completed: completed.map(Condition::read),
            log_uri: lenient::text(value, "logUri"),
            keys: keys(value),
        })
    }

    /// Whether this attempt started it. Exactly: a part of a key is another attempt's.
    pub(crate) fn carries(&self, key: &str) -> bool {
        self.keys.iter().any(|carried| carried == key)
    }

    /// The short name.
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

impl Condition {
    fn read(value: &Value) -> Self {
        let state = match lenient::name(value, "state", &STATES).as_deref() {
            Some("CONDITION_FAILED") => State::Failed,
            Some("CONDITION_SUCCEEDED") => State::Succeeded,
            _ => State::Open,
        };
        Self {
            state,
            message: lenient::text(value, "message"),
            reason: lenient::name(value, "reason", &COMMON_REASONS),
            execution_reason: lenient::name(value, "executionReason", &EXECUTION_REASONS),
        }
    }
}

fn keys(value: &Value) -> Vec<String> {
    let Some(template) = value.get("template") else {
        return Vec::new();
    };
    lenient::list(template, "containers")
        .iter()
        .flat_map(|container| lenient::list(container, "env"))
        .filter(|variable| {
            variable
                .get("name")
                .is_some_and(|name| name == KEY_VARIABLE)
        })
        .filter_map(|variable| lenient::text(variable, "value"))
        .collect()
}

/// How the last attempt of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskFailure {
    pub(crate) index: u64,
    /// Absent where a signal or the platform ended it.
    pub(crate) exit_code: Option<i64>,
    pub(crate) signal: Option<i64>,
    pub(crate) message: Option<String>,
}

impl TaskFailure {
    /// Reads a task; `None` when its last attempt did not fail, or has not ended.
    pub(crate) fn read(task: &Value) -> Option<Self> {
        let result = task.get("lastAttemptResult")?;
        let exit_code = lenient::signed(result, "exitCode").filter(|code| *code != 0);
        let signal = lenient::signed(result, "termSignal").filter(|signal| *signal != 0);
        let status = result.get("status").unwrap_or(&Value::Null);
        let refused = lenient::signed(status, "code").is_some_and(|code| code != 0);
        let failed = exit_code.is_some() || signal.is_some() || refused;
        failed.then(|| Self {
            index: lenient::count(task, "index"),
            exit_code,
            signal,
            message: lenient::text(status, "message"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_matched_exactly_and_in_the_right_variable() {
        let env = |name: &str, value: &str| {
            Execution::read(&json!({ "name": "e", "template": { "containers": [
                { "env": [{ "name": "OTHER" }] }, { "env": [{ "name": name, "value": value }] },
            ] } }))
            .unwrap()
        };
        assert!(env(KEY_VARIABLE, "n1-a").carries("n1-a"));
        assert!(!env(KEY_VARIABLE, "n1-ab").carries("n1-a"));
        assert!(!env(KEY_VARIABLE, "n1-").carries("n1-a"));
        assert!(!env("MY_KEY", "n1-a").carries("n1-a"));
        assert!(
            !Execution::read(&json!({ "name": "e" }))
                .unwrap()
                .carries("n1-a")
        );
    }

    #[test]
    fn what_has_no_name_is_no_execution() {
        for value in [json!({}), json!(null), json!([]), json!({ "name": "" })] {
            assert_eq!(Execution::read(&value), None);
        }
    }

    #[test]
    fn a_task_tells_how_it_failed() {
        let read =
            |value: Value| TaskFailure::read(&value).map(|f| (f.index, f.exit_code, f.signal));
        assert_eq!(
            read(json!({ "index": 2, "lastAttemptResult": { "exitCode": 3 } })),
            Some((2, Some(3), None))
        );
        assert_eq!(
            read(json!({ "lastAttemptResult": { "exitCode": "3" } })),
            Some((0, Some(3), None))
        );
        assert_eq!(
            read(json!({ "lastAttemptResult": { "termSignal": 9 } })),
            Some((0, None, Some(9)))
        );
        assert_eq!(
            read(json!({ "lastAttemptResult": { "status": { "code": 4 } } })),
            Some((0, None, None))
        );
        assert_eq!(read(json!({ "lastAttemptResult": { "status": {} } })), None);
        assert_eq!(read(json!({})), None);
    }
}
