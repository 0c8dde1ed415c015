//! Adds to a failed outcome what its first failed task says: exit code or signal.
//!
//! Guarantees: the verdict stays as it is. Where the tasks cannot be read, the message says so.
//! Facts: an execution has no exit code; `lastAttemptResult` of its tasks has.

use noctule_executor::{ErrorClass, Outcome};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::execution::TaskFailure;
use crate::failure::CallError;
use crate::session::Session;
use crate::target::Target;

impl Session<'_> {
    /// The outcome with the exit code of work that failed by itself.
    pub(crate) async fn with_exit_code(
        &self,
        target: &Target,
        short: &str,
        outcome: Outcome,
    ) -> Outcome {
        match outcome {
            Outcome::Failed {
                class: ErrorClass::User,
                message,
                output,
            } => explained(
                message,
                output,
                self.failed_task_patiently(target, short).await,
            ),
            other => other,
        }
    }

    /// The outcome is kept for good, so a passing fault gets a second chance.
    async fn failed_task_patiently(
        &self,
        target: &Target,
        short: &str,
    ) -> Result<Option<TaskFailure>, CallError> {
        let first = self.failed_task(target, short).await;
        let is_final = |error: &CallError| {
            error
                .refusal()
                .is_some_and(|refusal| matches!(refusal.status, 400 | 403 | 404))
        };
        match first {
            Err(error) if !is_final(&error) => {
                sleep(self.pacing.second_look).await;
                self.failed_task(target, short).await
            }
            first => first,
        }
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
