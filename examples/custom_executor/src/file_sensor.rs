//! `executor = "file_sensor"`: waits until a file is there, and large enough.
//!
//! A sensor starts nothing, so there is no work that could be started twice: `launch` makes no call, `adopt` has
//! nothing to find, and `cancel` has nothing to stop.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use noctule_executor::{
    Attempt, Capabilities, Connection, Context, Draft, Executor, ExecutorError, Finished, Outcome,
    Problem, Recovery, Request, Status, Wait, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::patience::look_until_news;

/// The executor.
#[derive(Debug, Clone, Default)]
pub struct FileSensor {
    root: PathBuf,
}

impl FileSensor {
    /// A sensor whose relative paths begin here; by default they begin in the engine's folder, the project's.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    async fn look(&self, file: &AwaitedFile) -> Result<Status, ExecutorError> {
        match tokio::fs::metadata(self.root.join(&file.path)).await {
            Ok(found) if found.is_file() && found.len() >= file.min_bytes => {
                let output = json!({ "path": file.path, "bytes": found.len() });
                Ok(Status::Finished(Finished::now(Outcome::Succeeded {
                    output,
                })))
            }
            Ok(_) => Ok(not_yet()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(not_yet()),
            // A failed look says nothing about the file.
            Err(error) => Err(unseen(&file.path, &error)),
        }
    }
}

fn not_yet() -> Status {
    Status::Running {
        started_at: None,
        poll_after: None,
    }
}

fn unseen(path: &str, error: &io::Error) -> ExecutorError {
    let message = format!("failed to look at `{path}`: {error}");
    if error.kind() == io::ErrorKind::PermissionDenied {
        return ExecutorError::alarm(message);
    }
    ExecutorError::unavailable(message)
}

/// The `with` table, and the handle too: what is waited for is all there is to remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwaitedFile {
    /// The file to wait for; a folder of that name does not count.
    pub path: String,
    /// It must have at least so many bytes.
    #[serde(default)]
    pub min_bytes: u64,
}

#[async_trait]
impl Executor for FileSensor {
    const KIND: &'static str = "file_sensor";
    type Config = AwaitedFile;
    type Handle = AwaitedFile;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: false,
            logs: false,
            sensor: true,
            holds: false,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        let empty = with.text(&["path"]) == Some("");
        let problem = || Problem::at(["path"], "the path is empty");
        empty.then(problem).into_iter().collect()
    }

    fn request(
        &self,
        attempt: &Attempt<AwaitedFile>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        let AwaitedFile { path, min_bytes } = &attempt.config;
        Ok(Request(json!({ "wait_for": path, "min_bytes": min_bytes })))
    }

    async fn launch(
        &self,
        _context: &Context,
        attempt: &Attempt<AwaitedFile>,
        _request: &Request,
    ) -> Result<AwaitedFile, ExecutorError> {
        Ok(attempt.config.clone())
    }

    async fn adopt(
        &self,
        _context: &Context,
        _attempt: &Attempt<AwaitedFile>,
        _request: &Request,
    ) -> Result<Option<AwaitedFile>, ExecutorError> {
        Ok(None)
    }

    async fn poll(
        &self,
        _context: &Context,
        handles: &[AwaitedFile],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        look_until_news(handles, patience, |file| self.look(file)).await
    }

    async fn cancel(
        &self,
        _context: &Context,
        _handle: &AwaitedFile,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        Ok(())
    }
}
