//! The life of an execution behind the API: its tasks, their attempts, and scripted ends.
//!
//! Every step is a change of the shared state; an execution that is gone is left alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use noctule_simulated::{Container, End};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Ending, JobConfig, JobScript,
    log_entry::{Source, Stream},
    name::ExecutionName,
    overrides::Plan,
    script::Work,
    secrets,
    shared::Shared,
    task::{AttemptResult, TaskState},
};

/// Local machines are small: no more containers than this at once.
const MOST_AT_ONCE: u32 = 64;

/// Runs an execution to its end, or until its script waits for the test.
pub(crate) async fn drive(shared: Arc<Shared>, name: ExecutionName, script: JobScript) {
    let found = shared.read(|cloud| {
        cloud.execution(&name).map(|one| {
            let secrets = secrets::resolved(cloud, &name, &one.plan);
            (one.plan.clone(), one.cancellation(), secrets)
        })
    });
    let Ok((plan, cancelled, secrets)) = found else {
        return;
    };
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(missing) => return finish(&shared, &name, unreadable(&missing)),
    };
    match script.work {
        Work::Command => {
            Run {
                shared,
                name,
                plan,
                secrets,
                config: script.config,
                cancelled,
            }
            .all()
            .await;
        }
        Work::Held { starts, yields } => {
            if starts {
                shared.change_execution(&name, super::execution::Execution::begin_all);
            }
            if yields {
                until(cancelled).await;
                finish(&shared, &name, Ending::Cancelled);
            }
        }
        Work::Ends { after, ending } => {
            if !matches!(ending, Ending::NeverStarted { .. }) {
                shared.change_execution(&name, super::execution::Execution::begin_all);
            }
            let ending = tokio::select! {
                () = sleep(after) => ending,
                () = until(cancelled) => Ending::Cancelled,
            };
            finish(&shared, &name, ending);
        }
    }
}

fn unreadable(secret: &str) -> Ending {
    Ending::NeverStarted {
        reason: secrets::REFUSED.to_owned(),
        message: format!("Permission denied on secret: {secret}, or it does not exist."),
    }
}

fn finish(shared: &Shared, name: &ExecutionName, ending: Ending) {
    shared.change_execution(name, |execution, now| {
        if !execution.is_done() {
            execution.finish(ending, now);
        }
    });
}

/// Returns once the end was asked for, or there is nobody left to ask.
async fn until(mut cancelled: watch::Receiver<bool>) {
    drop(cancelled.wait_for(|cancelled| *cancelled).await);
}

/// An execution whose containers are real.
#[derive(Clone)]
struct Run {
    shared: Arc<Shared>,
    name: ExecutionName,
    plan: Plan,
    /// Variables that are secrets.
    secrets: BTreeMap<String, String>,
    config: JobConfig,
    cancelled: watch::Receiver<bool>,
}

/// Why a container was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cancelled,
    TimedOut,
}

/// What became of one attempt.
enum Outcome {
    Succeeded,
    Failed(AttemptResult),
    Cancelled(Option<AttemptResult>),
}

impl Run {
    async fn all(self) {
        let wanted = if self.plan.parallelism == 0 {
            self.plan.task_count
        } else {
            self.plan.parallelism
        };
        let room = Arc::new(Semaphore::new(wanted.min(MOST_AT_ONCE) as usize));
        let run = Arc::new(self);
        let mut tasks = JoinSet::new();
        for index in 0..run.plan.task_count {
            tasks.spawn(Arc::clone(&run).task(index, Arc::clone(&room)));
        }
        while tasks.join_next().await.is_some() {}
        run.shared.change_execution(&run.name, |execution, now| {
            if !execution.is_done() {
                execution.complete(now);
            }
        });
        run.audit();
    }

    fn audit(&self) {
        let source = self.source(0, 0);
        self.shared.change(|cloud, now| {
            cloud
                .logs
                .write(&source, Stream::Audit, "/Jobs.RunJob", now);
        });
    }

    async fn task(self: Arc<Self>, index: u32, room: Arc<Semaphore>) {
        let _place = tokio::select! {
            biased;
            () = until(self.cancelled.clone()) => return,
            place = room.acquire_owned() => place,
        };
        for attempt in 0..=self.plan.max_retries() {
            self.shared.change_execution(&self.name, |execution, now| {
                execution.begin_task(index, now);
            });
            let (state, result) = match self.attempt(index, attempt).await {
                Outcome::Failed(result) if attempt < self.plan.max_retries() => {
                    self.shared.change_execution(&self.name, |execution, now| {
                        execution.retry_task(index, result, now);
                    });
                    continue;
                }
                Outcome::Failed(result) => (TaskState::Failed, Some(result)),
                Outcome::Succeeded => (TaskState::Succeeded, Some(AttemptResult::default())),
                Outcome::Cancelled(result) => (TaskState::Cancelled, result),
            };
            self.shared.change_execution(&self.name, |execution, now| {
                execution.end_task(index, state, result, now);
            });
            return;
        }
    }

    async fn attempt(&self, index: u32, attempt: u32) -> Outcome {
        let deadline = Instant::now() + self.plan.timeout();
        let delay = self.config.delay.unwrap_or(Duration::ZERO);
        tokio::select! {
            biased;
            stop = self.stop(deadline) => return self.stopped(stop, AttemptResult::default()),
            () = sleep(delay) => {}
        }
        if let Some(exit_code) = self
            .config
            .fail
            .as_ref()
            .and_then(|fail| fail.exit_code(index))
        {
            return self.judge(index, attempt, &End::Exited(exit_code), None);
        }
        let container = self.container(index, attempt);
        if container.command.is_empty() {
            return Outcome::Succeeded;
        }
        let (shared, source) = (Arc::clone(&self.shared), self.source(index, attempt));
        let write = move |output, line: &str| {
            shared.change(|cloud, now| cloud.logs.write(&source, Stream::of(output), line, now));
        };
        let (end, stop) = container
            .run(self.stop(deadline), self.shared.grace, write)
            .await;
        self.judge(index, attempt, &end, stop)
    }

    /// Returns when the container has to stop, with the reason.
    async fn stop(&self, deadline: Instant) -> Stop {
        tokio::select! {
            biased;
            () = until(self.cancelled.clone()) => Stop::Cancelled,
            () = sleep_until(deadline) => Stop::TimedOut,
        }
    }

    fn container(&self, index: u32, attempt: u32) -> Container {
        let own = [
            ("CLOUD_RUN_JOB", self.name.job.job.clone()),
            ("CLOUD_RUN_EXECUTION", self.name.execution.clone()),
            ("CLOUD_RUN_TASK_INDEX", index.to_string()),
            ("CLOUD_RUN_TASK_ATTEMPT", attempt.to_string()),
            ("CLOUD_RUN_TASK_COUNT", self.plan.task_count.to_string()),
        ];
        let mut env = self.plan.env();
        env.extend(self.secrets.clone());
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        // A job created over the API names an image we do not have: only configured commands run.
        let command = if self.config.command.is_empty() {
            Vec::new()
        } else {
            self.plan.command_line()
        };
        Container {
            command,
            env,
            cwd: self.config.cwd.clone(),
        }
    }

    fn judge(&self, index: u32, attempt: u32, end: &End, stop: Option<Stop>) -> Outcome {
        let (exit_code, term_signal, fault) = match end {
            End::Exited(0) => (0, 0, None),
            End::Exited(code) => (
                *code,
                0,
                Some("The container exited with an error.".to_owned()),
            ),
            End::Killed(signal) => (
                0,
                *signal,
                Some(format!("Container terminated on signal {signal}.")),
            ),
            End::NotStarted(why) => (127, 0, Some(format!("Application failed to start: {why}"))),
        };
        let result = AttemptResult {
            exit_code,
            term_signal,
            fault,
        };
        self.note(index, attempt, &result);
        match stop {
            Some(stop) => self.stopped(stop, result),
            None if result.fault.is_some() => Outcome::Failed(result),
            None => Outcome::Succeeded,
        }
    }

    fn stopped(&self, stop: Stop, mut result: AttemptResult) -> Outcome {
        match stop {
            Stop::Cancelled => Outcome::Cancelled(Some(result)),
            Stop::TimedOut => {
                let seconds = self.plan.timeout().as_secs();
                let fault = format!(
                    "Terminating task because it has reached the maximum timeout of {seconds} seconds."
                );
                result.fault = Some(fault);
                Outcome::Failed(result)
            }
        }
    }

    /// The system's own line about a bad end.
    fn note(&self, index: u32, attempt: u32, result: &AttemptResult) {
        let line = match (&result.fault, result.exit_code) {
            (None, _) => return,
            (Some(fault), 0 | 127) => fault.clone(),
            (Some(_), code) => format!("Container called exit({code})."),
        };
        let source = self.source(index, attempt);
        self.shared
            .change(|cloud, now| cloud.logs.write(&source, Stream::System, &line, now));
    }

    fn source(&self, task: u32, attempt: u32) -> Source {
        Source {
            execution: self.name.clone(),
            task,
            attempt,
        }
    }
}
