//! Adds to an outcome what the tasks of the execution say: the exit code or signal of the first that failed, and, of several
//! tasks, what became of each index.
//!
//! Guarantees: the verdict stays as it is. Where the tasks cannot be read, the outcome says so.
//! Facts: an execution has no exit code; `lastAttemptResult` of its tasks has.

use noctule_executor::{ErrorClass, Finished, Outcome};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::execution::TaskFailure;
use crate::executions::Task;
use crate::failure::CallError;
use crate::indexes::{self, Part};
use crate::listing::Asked;
use crate::session::Session;
use crate::target::Target;

impl Session<'_> {
    /// The outcome with what its tasks say, where that tells more than the execution.
    pub(crate) async fn explained(&self, asked: &Asked<'_>, finished: Finished) -> Finished {
        let part = asked.handle.part.as_ref();
        let count = task_count(&finished.outcome);
        let failed_by_itself = matches!(
            finished.outcome,
            Outcome::Failed {
                class: ErrorClass::User,
                ..
            }
        );
        let several = count > 1 || part.is_some();
        if !several && !failed_by_itself {
            return finished;
        }
        let read = self
            .tasks_patiently(&asked.handle.target(), asked.short)
            .await;
        let mut outcome = finished.outcome;
        if failed_by_itself {
            outcome = with_failure(outcome, first_failure(&read, part));
        }
        if several {
            outcome = with_tasks(outcome, part, count, read);
        }
        Finished {
            outcome,
            ..finished
        }
    }

    /// The outcome is kept for good, so a passing fault gets a second chance.
    async fn tasks_patiently(&self, target: &Target, short: &str) -> Result<Vec<Task>, CallError> {
        let first = self.tasks(target, short).await;
        let is_final = |error: &CallError| {
            error
                .refusal()
                .is_some_and(|refusal| matches!(refusal.status, 400 | 403 | 404))
        };
        match first {
            Err(error) if !is_final(&error) => {
                sleep(self.pacing.second_look).await;
                self.tasks(target, short).await
            }
            first => first,
        }
    }
}

/// The tasks of the execution itself.
fn task_count(outcome: &Outcome) -> u64 {
    let output = outcome.output();
    let count = output.and_then(|output| output["task_count"].as_u64());
    count.unwrap_or_default()
}

/// The first failed task by its index of the whole.
fn first_failure(
    read: &Result<Vec<Task>, CallError>,
    part: Option<&Part>,
) -> Result<Option<TaskFailure>, CallError> {
    let tasks = read.as_ref().map_err(Clone::clone)?;
    let failures = tasks.iter().filter_map(|task| task.failure.clone());
    let first = failures.min_by_key(|failure| failure.index);
    Ok(first.map(|failure| TaskFailure {
        index: indexes::index_of(part, failure.index),
        ..failure
    }))
}

fn with_tasks(
    mut outcome: Outcome,
    part: Option<&Part>,
    count: u64,
    read: Result<Vec<Task>, CallError>,
) -> Outcome {
    let all_good = matches!(outcome, Outcome::Succeeded { .. });
    let output = match &mut outcome {
        Outcome::Succeeded { output } => Some(output),
        Outcome::Failed { output, .. } | Outcome::Cancelled { output, .. } => output.as_mut(),
    };
    let Some(output) = output else {
        return outcome;
    };
    let results = match read {
        Ok(tasks) => Some(tasks.into_iter().map(|task| task.result).collect()),
        Err(error) => {
            output["tasks_unread"] = json!(error.to_string());
            None
        }
    };
    let read = results
        .as_ref()
        .map_or(count, |read: &Vec<_>| read.len() as u64);
    indexes::told(output, part, results, count.saturating_sub(read), all_good);
    outcome
}

fn with_failure(outcome: Outcome, failure: Result<Option<TaskFailure>, CallError>) -> Outcome {
    match outcome {
        Outcome::Failed {
            message, output, ..
        } => explained(message, output, failure),
        other => other,
    }
}

fn explained(
    message: String,
    output: Option<Value>,
    failure: Result<Option<TaskFailure>, CallError>,
) -> Outcome {
    let mut output = output.unwrap_or_else(|| json!({}));
    let message = match failure {
        Ok(Some(failure)) => {
            output["exit_code"] = json!(failure.exit_code);
            output["failed_task"] = json!(failure.index);
            if let Some(signal) = failure.signal {
                output["signal"] = json!(signal);
            }
            format!("{message} ({})", said(&failure))
        }
        Ok(None) => message,
        Err(error) => format!("{message} (exit code not known: {error})"),
    };
    Outcome::failed(ErrorClass::User, message, Some(output))
}

fn said(failure: &TaskFailure) -> String {
    let TaskFailure {
        index,
        exit_code,
        signal,
        message,
    } = failure;
    match (exit_code, signal, message) {
        (Some(code), _, _) => format!("task {index} exited with {code}"),
        (None, Some(signal), _) => format!("task {index} was ended by signal {signal}"),
        (None, None, Some(message)) => format!("task {index}: {message}"),
        (None, None, None) => format!("task {index} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(exit_code: Option<i64>, signal: Option<i64>) -> TaskFailure {
        TaskFailure {
            index: 2,
            exit_code,
            signal,
            message: Some("out of memory".to_owned()),
        }
    }

    #[test]
    fn the_message_and_the_output_tell_the_exit() {
        let outcome = explained(
            "it failed".to_owned(),
            Some(json!({ "status": "failed" })),
            Ok(Some(failure(Some(3), None))),
        );
        let Outcome::Failed {
            message, output, ..
        } = outcome
        else {
            panic!("still a failure")
        };
        assert_eq!(message, "it failed (task 2 exited with 3)");
        assert_eq!(
            output,
            Some(json!({ "status": "failed", "exit_code": 3, "failed_task": 2 }))
        );
    }

    #[test]
    fn signals_and_platform_messages() {
        assert_eq!(
            said(&failure(None, Some(9))),
            "task 2 was ended by signal 9"
        );
        assert_eq!(said(&failure(None, None)), "task 2: out of memory");
    }
}
