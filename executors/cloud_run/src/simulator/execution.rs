//! One execution: its tasks, its conditions, its end, and how the API shows it.
//!
//! Counts are always those of the tasks. Once completed, an execution never changes again, but for
//! being deleted and for what a test sets by hand.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    Counts, Ending,
    clock::stamp,
    condition::{Condition, ConditionState, Conditions, Reason},
    name::ExecutionName,
    overrides::Plan,
    render::{Fields, log_uri},
    task::{AttemptResult, Task, TaskState},
};

const EXIT_MESSAGE: &str = "The container exited with an error.";

#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) name: ExecutionName,
    pub(crate) plan: Plan,
    pub(crate) tasks: Vec<Task>,
    pub(crate) created: DateTime<Utc>,
    /// The place in the order of creation; later ones have higher numbers.
    pub(crate) sequence: u64,
    pub(crate) born: Instant,
    pub(crate) cancel_requested: bool,
    pub(crate) scripted: bool,
    pub(crate) conditions: Conditions,
    cancel: watch::Sender<bool>,
    uid: String,
    started: Option<DateTime<Utc>>,
    completed: Option<DateTime<Utc>>,
    deleted: Option<DateTime<Utc>>,
    updated: DateTime<Utc>,
    version: u64,
}

impl Execution {
    pub(crate) fn new(
        name: ExecutionName,
        plan: Plan,
        sequence: u64,
        scripted: bool,
        now: DateTime<Utc>,
    ) -> Self {
        Execution {
            tasks: (0..plan.task_count)
                .map(|index| Task::new(index, now))
                .collect(),
            name,
            plan,
            created: now,
            sequence,
            born: Instant::now(),
            cancel_requested: false,
            scripted,
            conditions: Conditions::waiting(now),
            cancel: watch::Sender::new(false),
            uid: uuid::Uuid::new_v4().to_string(),
            started: None,
            completed: None,
            deleted: None,
            updated: now,
            version: 1,
        }
    }

    /// True once somebody asked for the end.
    pub(crate) fn cancellation(&self) -> watch::Receiver<bool> {
        self.cancel.subscribe()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.completed.is_some()
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started.is_some()
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{:x}/{}\"", self.created.timestamp_micros(), self.version)
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.updated = now;
        self.version += 1;
    }

    /// The first container starts.
    pub(crate) fn begin(&mut self, now: DateTime<Utc>) {
        self.started = self.started.or(Some(now));
        self.conditions.started(now);
        // Google shows this on every execution; it says nothing about a failure.
        let retry = Condition::new("Retry", ConditionState::Succeeded)
            .because(Reason::common("IMMEDIATE_RETRY"))
            .severity("INFO")
            .saying("System will retry after 0:00:00 from lastTransitionTime for attempt 0.");
        self.conditions.set(retry, now);
        self.touch(now);
    }

    /// All containers start at once.
    pub(crate) fn begin_all(&mut self, now: DateTime<Utc>) {
        self.begin(now);
        for task in self
            .tasks
            .iter_mut()
            .filter(|task| task.state == TaskState::Waiting)
        {
            task.begin(now);
        }
    }

    pub(crate) fn begin_task(&mut self, index: u32, now: DateTime<Utc>) {
        self.begin(now);
        self.with_task(index, now, |task| task.begin(now));
    }

    pub(crate) fn retry_task(&mut self, index: u32, result: AttemptResult, now: DateTime<Utc>) {
        self.with_task(index, now, |task| task.retry(result, now));
    }

    pub(crate) fn end_task(
        &mut self,
        index: u32,
        state: TaskState,
        result: Option<AttemptResult>,
        now: DateTime<Utc>,
    ) {
        self.with_task(index, now, |task| task.end(state, result, now));
    }

    fn with_task(&mut self, index: u32, now: DateTime<Utc>, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.tasks.get_mut(index as usize) {
            change(task);
        }
        self.touch(now);
    }

    /// Somebody asks for the end: containers are told, the execution is cancelling.
    pub(crate) fn cancel(&mut self, now: DateTime<Utc>) {
        if !self.cancel_requested {
            self.cancel_requested = true;
            let cancelling = Condition::new("Completed", ConditionState::Reconciling);
            self.conditions
                .set(cancelling.because(Reason::execution("CANCELLING")), now);
            self.touch(now);
        }
        self.cancel.send_replace(true);
    }

    /// The containers are gone: the outcome follows from the tasks.
    pub(crate) fn complete(&mut self, now: DateTime<Utc>) {
        for index in 0..self.plan.task_count {
            if !self.tasks[index as usize].is_done() {
                self.end_task(index, TaskState::Cancelled, None, now);
            }
        }
        let counts = self.counts();
        let completed = if counts.succeeded == self.plan.task_count {
            succeeded()
        } else if self.cancel_requested {
            cancelled()
        } else {
            self.failed()
        };
        self.close(completed, now);
    }

    fn failed(&self) -> Condition {
        let failed = self
            .tasks
            .iter()
            .find(|task| task.state == TaskState::Failed);
        let fault = failed
            .and_then(|task| task.result.as_ref()?.fault.clone())
            .unwrap_or_default();
        let task = failed.map(|task| task.id(&self.name)).unwrap_or_default();
        Condition::new("Completed", ConditionState::Failed)
            .because(Reason::execution("NON_ZERO_EXIT_CODE"))
            .saying(&format!("Task {task} failed with message: {fault}"))
    }

    fn close(&mut self, completed: Condition, now: DateTime<Utc>) {
        self.conditions.set(completed, now);
        self.completed = Some(now);
        self.touch(now);
        self.cancel.send_replace(true);
    }

    /// The end a test decides.
    pub(crate) fn finish(&mut self, ending: Ending, now: DateTime<Utc>) {
        let ran = matches!(
            ending,
            Ending::Succeeded | Ending::SucceededShort { .. } | Ending::Failed { .. }
        );
        if self.started.is_none() && ran {
            self.begin_all(now);
        }
        match ending {
            Ending::Succeeded => self.end_tasks(u32::MAX, 0, 0, now),
            Ending::SucceededShort { succeeded: some } => {
                self.end_tasks(some, 0, 0, now);
                return self.close(succeeded(), now);
            }
            Ending::Failed {
                exit_code,
                failed,
                succeeded,
            } => {
                self.end_tasks(succeeded, failed, exit_code, now);
                let completed = self.failed();
                return self.close(completed, now);
            }
            Ending::Cancelled => self.cancel(now),
            Ending::CancelledUncounted => {
                self.cancel_requested = true;
                self.idle_tasks(now);
                return self.close(cancelled(), now);
            }
            Ending::NeverStarted { reason, message } => {
                return self.never_started(&reason, &message, now);
            }
            Ending::Deleted => return self.delete(now),
        }
        self.complete(now);
    }

    fn end_tasks(&mut self, succeeded: u32, failed: u32, exit_code: i32, now: DateTime<Utc>) {
        for index in 0..self.plan.task_count {
            if index < succeeded {
                self.end_task(
                    index,
                    TaskState::Succeeded,
                    Some(AttemptResult::default()),
                    now,
                );
            } else if index - succeeded < failed {
                let result = AttemptResult {
                    exit_code,
                    term_signal: 0,
                    fault: Some(EXIT_MESSAGE.to_owned()),
                };
                self.end_task(index, TaskState::Failed, Some(result), now);
            }
        }
        self.idle_tasks(now);
    }

    /// Tasks without an outcome no longer run, and count as nothing.
    fn idle_tasks(&mut self, now: DateTime<Utc>) {
        for task in self
            .tasks
            .iter_mut()
            .filter(|task| task.state == TaskState::Running)
        {
            task.state = TaskState::Waiting;
        }
        self.touch(now);
    }

    fn never_started(&mut self, reason: &str, message: &str, now: DateTime<Utc>) {
        self.idle_tasks(now);
        for kind in ["ResourcesAvailable", "Completed"] {
            let failed =
                Condition::new(kind, ConditionState::Failed).because(Reason::common(reason));
            self.conditions.set(failed.saying(message), now);
        }
        self.completed = Some(now);
        self.touch(now);
        self.cancel.send_replace(true);
    }

    /// Marks it deleted; it can still be read.
    pub(crate) fn delete(&mut self, now: DateTime<Utc>) {
        self.deleted = Some(now);
        if !self.is_done() {
            self.idle_tasks(now);
            let deleted = Condition::new("Completed", ConditionState::Failed);
            self.close(deleted.because(Reason::execution("DELETED")), now);
        }
        self.touch(now);
    }

    pub(crate) fn set_condition(&mut self, condition: Condition, now: DateTime<Utc>) {
        self.conditions.set(condition, now);
        self.touch(now);
    }

    pub(crate) fn counts(&self) -> Counts {
        let count = |state| {
            u32::try_from(self.tasks.iter().filter(|task| task.state == state).count())
                .unwrap_or(u32::MAX)
        };
        Counts {
            running: count(TaskState::Running),
            succeeded: count(TaskState::Succeeded),
            failed: count(TaskState::Failed),
            cancelled: count(TaskState::Cancelled),
            retried: self.tasks.iter().map(|task| task.retried).sum(),
        }
    }

    /// The `completionStatus` that the job shows of its latest execution.
    pub(crate) fn completion_status(&self) -> &'static str {
        let completed = self.conditions.get("Completed");
        let state = completed.map(|condition| condition.state);
        let cancelled =
            completed.is_some_and(|one| one.reason == Some(Reason::execution("CANCELLED")));
        match state {
            Some(ConditionState::Succeeded) => "EXECUTION_SUCCEEDED",
            Some(ConditionState::Failed) if cancelled => "EXECUTION_CANCELLED",
            Some(ConditionState::Failed) => "EXECUTION_FAILED",
            _ if self.has_started() => "EXECUTION_RUNNING",
            _ => "EXECUTION_PENDING",
        }
    }

    /// The short form a job shows.
    pub(crate) fn reference(&self) -> Value {
        let time = |time: Option<DateTime<Utc>>| json!(time.map(stamp));
        Fields::default()
            .put("name", json!(self.name.execution))
            .put("createTime", json!(stamp(self.created)))
            .put("completionTime", time(self.completed))
            .put("deleteTime", time(self.deleted))
            .put("completionStatus", json!(self.completion_status()))
            .value()
    }

    /// The execution as the API shows it.
    pub(crate) fn render(&self) -> Value {
        let time = |time: Option<DateTime<Utc>>| json!(time.map(stamp));
        let expires = self
            .deleted
            .and_then(|at| at.checked_add_signed(TimeDelta::days(30)));
        let counts = self.counts();
        Fields::default()
            .put("name", json!(self.name.to_string()))
            .put("uid", json!(self.uid))
            .put("creator", json!("simulator@noctule.invalid"))
            .put("generation", json!("1"))
            .put("labels", self.plan.labels.clone())
            .put("annotations", self.plan.annotations.clone())
            .put("createTime", json!(stamp(self.created)))
            .put("startTime", time(self.started))
            .put("completionTime", time(self.completed))
            .put("updateTime", json!(stamp(self.updated)))
            .put("deleteTime", time(self.deleted))
            .put("expireTime", time(expires))
            .put("launchStage", json!("GA"))
            .put("job", json!(self.name.job.job))
            .put("parallelism", json!(self.plan.parallelism))
            .put("taskCount", json!(self.plan.task_count))
            .put("template", json!(self.plan.template))
            .put("reconciling", json!(!self.is_done()))
            .put("conditions", self.conditions.render())
            .put(
                "observedGeneration",
                json!(self.has_started().then_some("1")),
            )
            .put("runningCount", json!(counts.running))
            .put("succeededCount", json!(counts.succeeded))
            .put("failedCount", json!(counts.failed))
            .put("cancelledCount", json!(counts.cancelled))
            .put("retriedCount", json!(counts.retried))
            .put("logUri", json!(log_uri(&self.name)))
            .put("etag", json!(self.etag()))
            .value()
    }
}

fn succeeded() -> Condition {
    Condition::new("Completed", ConditionState::Succeeded)
        .saying("Execution completed successfully.")
}

fn cancelled() -> Condition {
    Condition::new("Completed", ConditionState::Failed)
        .because(Reason::execution("CANCELLED"))
        .saying("Execution was cancelled.")
}
