//! One task of an execution: its state, its last attempt and how the API shows it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    clock::stamp,
    condition::{Condition, ConditionState, Conditions, Reason},
    name::ExecutionName,
    render::{Fields, log_uri},
    schema_read::Message,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskState {
    Waiting,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// What the last attempt of a task left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AttemptResult {
    pub(crate) exit_code: i32,
    pub(crate) term_signal: i32,
    /// None for success.
    pub(crate) fault: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) index: u32,
    pub(crate) state: TaskState,
    pub(crate) retried: u32,
    pub(crate) result: Option<AttemptResult>,
    uid: String,
    started: Option<DateTime<Utc>>,
    completed: Option<DateTime<Utc>>,
    updated: DateTime<Utc>,
    conditions: Conditions,
}

impl Task {
    pub(crate) fn new(index: u32, now: DateTime<Utc>) -> Self {
        Task {
            index,
            state: TaskState::Waiting,
            retried: 0,
            result: None,
            uid: uuid::Uuid::new_v4().to_string(),
            started: None,
            completed: None,
            updated: now,
            conditions: Conditions::waiting(now),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(self.state, TaskState::Waiting | TaskState::Running)
    }

    pub(crate) fn begin(&mut self, now: DateTime<Utc>) {
        self.state = TaskState::Running;
        self.started = self.started.or(Some(now));
        self.updated = now;
        self.conditions.started(now);
    }

    pub(crate) fn retry(&mut self, result: AttemptResult, now: DateTime<Utc>) {
        self.retried += 1;
        self.result = Some(result);
        self.updated = now;
        let retry = Condition::new("Retry", ConditionState::Reconciling)
            .because(Reason::common("IMMEDIATE_RETRY"));
        self.conditions.set(retry, now);
    }

    pub(crate) fn end(
        &mut self,
        state: TaskState,
        result: Option<AttemptResult>,
        now: DateTime<Utc>,
    ) {
        self.state = state;
        self.result = result.or(self.result.take());
        self.completed = Some(now);
        self.updated = now;
        self.conditions.set(self.completed_condition(), now);
    }

    fn completed_condition(&self) -> Condition {
        let fault = self
            .result
            .as_ref()
            .and_then(|result| result.fault.clone())
            .unwrap_or_default();
        let failed = Condition::new("Completed", ConditionState::Failed);
        match self.state {
            TaskState::Succeeded => Condition::new("Completed", ConditionState::Succeeded),
            TaskState::Cancelled => failed.because(Reason::execution("CANCELLED")),
            _ => failed
                .because(Reason::execution("NON_ZERO_EXIT_CODE"))
                .saying(&fault),
        }
    }

    pub(crate) fn id(&self, execution: &ExecutionName) -> String {
        format!("{}-task{}", execution.execution, self.index)
    }

    /// The task as the API shows it; `template` is the execution's.
    pub(crate) fn render(
        &self,
        execution: &ExecutionName,
        template: &Message,
        created: DateTime<Utc>,
    ) -> Value {
        let time = |time: Option<DateTime<Utc>>| json!(time.map(stamp));
        let mut fields = Fields::default()
            .put(
                "name",
                json!(format!("{execution}/tasks/{}", self.id(execution))),
            )
            .put("uid", json!(self.uid))
            .put("generation", json!("1"))
            .put("createTime", json!(stamp(created)))
            .put("scheduledTime", time(self.started))
            .put("startTime", time(self.started))
            .put("completionTime", time(self.completed))
            .put("updateTime", json!(stamp(self.updated)))
            .put("job", json!(execution.job.job))
            .put("execution", json!(execution.execution))
            .put("reconciling", json!(!self.is_done()))
            .put("conditions", self.conditions.render())
            .put("observedGeneration", json!("1"))
            .put("index", json!(self.index))
            .put("retried", json!(self.retried))
            .put("logUri", json!(log_uri(execution)))
            .put(
                "etag",
                json!(format!("\"{:x}\"", self.updated.timestamp_micros())),
            );
        if let Some(result) = &self.result {
            fields = fields.put("lastAttemptResult", result.render());
        }
        for (name, value) in template {
            fields = fields.put(name, value.clone());
        }
        fields.value()
    }
}

impl AttemptResult {
    fn render(&self) -> Value {
        let mut status = Fields::default();
        if let Some(fault) = &self.fault {
            status = status.put("code", json!(2)).put("message", json!(fault));
        }
        let status = status.value();
        let fields = Fields::default()
            .put("exitCode", json!(self.exit_code))
            .put("termSignal", json!(self.term_signal));
        let mut value = fields.value();
        value["status"] = status;
        value
    }
}
