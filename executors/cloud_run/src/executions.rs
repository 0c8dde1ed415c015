//! The calls on executions: get, list, cancel, and the tasks of one.
//!
//! Guarantees: each is one request; lists come newest first, as the v2 API sorts them (it filters nothing).

use serde_json::Value;

use crate::execution::{Execution, TaskFailure};
use crate::failure::{CallError, Verb};
use crate::indexes::TaskResult;
use crate::lenient;
use crate::session::Session;
use crate::target::Target;
use crate::transport::{Wire, lost};

/// Entries of one page: what the API gives at most without cutting the page short.
const PAGE: u32 = 100;
/// Pages of tasks that are read: the first 1,000 tasks. More would not tell a person more.
const MOST_TASK_PAGES: u32 = 10;

/// A part of a list.
pub(crate) struct Page {
    pub(crate) executions: Vec<Execution>,
    /// Where it goes on; none at its end.
    pub(crate) next: Option<String>,
}

/// Whether deleted executions are listed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    Shown,
    Hidden,
}

/// One task of an execution, as it was read.
pub(crate) struct Task {
    pub(crate) result: TaskResult,
    /// How its last attempt failed, if it did.
    pub(crate) failure: Option<TaskFailure>,
}

impl Session<'_> {
    /// One execution.
    pub(crate) async fn execution(
        &self,
        target: &Target,
        short: &str,
    ) -> Result<Execution, CallError> {
        let wire = Wire::get(Verb::GetExecution, target.execution_url(short));
        let value = self.json(&wire).await?;
        let execution = Execution::read(&value).ok_or_else(|| lost(&wire, "it is no execution"))?;
        if execution.short_name() == short {
            return Ok(execution);
        }
        Err(lost(&wire, format!("it is about `{}`", execution.name)))
    }

    /// One page of a list of executions.
    pub(crate) async fn page(
        &self,
        url: &str,
        token: Option<&str>,
        deleted: Deleted,
    ) -> Result<Page, CallError> {
        let mut url = format!("{url}?pageSize={PAGE}");
        if deleted == Deleted::Shown {
            url.push_str("&showDeleted=true");
        }
        if let Some(token) = token {
            url.push_str("&pageToken=");
            url.push_str(&escaped(token));
        }
        let value = self.json(&Wire::get(Verb::ListExecutions, url)).await?;
        Ok(Page {
            executions: lenient::list(&value, "executions")
                .iter()
                .filter_map(Execution::read)
                .collect(),
            next: lenient::text(&value, "nextPageToken"),
        })
    }

    /// Asks for the end of an execution. One that has ended already, or is gone, needs no more asking.
    pub(crate) async fn stop(&self, target: &Target, short: &str) -> Result<(), CallError> {
        let url = format!("{}:cancel", target.execution_url(short));
        let wire = Wire::post(Verb::CancelExecution, url, b"{}".to_vec());
        let Err(error) = self.send(&wire).await else {
            return Ok(());
        };
        match error.refusal().map(|refusal| refusal.status) {
            Some(404) if error.is_not_found() => Ok(()),
            // Which refusal an ended execution gets is undocumented, so its record is asked.
            Some(400 | 409) if self.has_ended(target, short).await => Ok(()),
            _ => Err(error),
        }
    }

    async fn has_ended(&self, target: &Target, short: &str) -> bool {
        match self.execution(target, short).await {
            Ok(execution) => execution.completed_at.is_some() || execution.deleted_at.is_some(),
            Err(error) => error.is_not_found(),
        }
    }

    /// The tasks of an execution, of its first pages.
    pub(crate) async fn tasks(&self, target: &Target, short: &str) -> Result<Vec<Task>, CallError> {
        let tasks = format!("{}/tasks?pageSize={PAGE}", target.execution_url(short));
        let mut url = tasks.clone();
        let mut read = Vec::new();
        for _ in 0..MOST_TASK_PAGES {
            let value = self.json(&Wire::get(Verb::ListTasks, url)).await?;
            read.extend(lenient::list(&value, "tasks").iter().map(|task| Task {
                result: TaskResult::read(task),
                failure: TaskFailure::read(task),
            }));
            let Some(token) = lenient::text(&value, "nextPageToken") else {
                break;
            };
            url = format!("{tasks}&pageToken={}", escaped(&token));
        }
        Ok(read)
    }

    /// The job itself, for `doctor`.
    pub(crate) async fn job(&self, target: &Target) -> Result<Value, CallError> {
        self.json(&Wire::get(Verb::GetJob, target.job_url())).await
    }
}

/// A page token as a value of a query.
fn escaped(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn tokens_are_escaped() {
        assert_eq!(escaped("a+b/c=&d~"), "a%2Bb%2Fc%3D%26d~");
    }
}
