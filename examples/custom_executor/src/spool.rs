//! `executor = "spool"`: remote work through a folder that some other program watches.
//!
//! The engine writes `KEY.request`; a worker claims it, writes `KEY.log` as it goes, and at the end `KEY.result`.
//! A request stays at least until its outcome is committed, so a second send of one key meets the first: the work
//! is started at most once, and is found again by its key from any process.

mod answer;
mod files;

use std::path::PathBuf;
use std::time::Duration;

use noctule_executor::{
    Attempt, AttemptKey, Capabilities, Connection, Context, Draft, Executor, ExecutorError,
    Finished, LogCursor, LogPage, Problem, Recovery, Request, Status, Wait, async_trait,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::patience::look_until_news;
use files::{Stage, WorkFiles};

/// The executor.
#[derive(Debug, Clone, Default)]
pub struct Spool {
    root: PathBuf,
}

impl Spool {
    /// An executor whose relative folders begin here; by default they begin in the engine's folder, the project's.
    #[must_use]
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn files(&self, folder: &str, key: &AttemptKey) -> WorkFiles {
        WorkFiles::new(self.root.join(folder), key)
    }

    fn files_of(&self, work: &SpooledWork) -> WorkFiles {
        self.files(&work.folder, &work.key)
    }

    async fn look(&self, work: &SpooledWork) -> Result<Status, ExecutorError> {
        Ok(match self.files_of(work).stage().await? {
            Stage::Ended(text) => Status::Finished(Finished::now(answer::outcome(&text))),
            Stage::Claimed => Status::Running {
                started_at: None,
                poll_after: None,
            },
            Stage::Requested => Status::Launching,
            Stage::Absent => Status::Lost {
                reason: format!("`{}` holds no file of {}", work.folder, work.key),
            },
        })
    }
}

/// The `with` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolConfig {
    /// The spool folder; it must exist.
    pub folder: String,
    /// What the worker is told, as it is.
    #[serde(default)]
    pub job: Value,
}

/// The handle: where the work is, and under which name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpooledWork {
    /// The spool folder.
    pub folder: String,
    /// The name of its files.
    pub key: AttemptKey,
}

impl SpooledWork {
    fn of(attempt: &Attempt<SpoolConfig>) -> Self {
        Self {
            folder: attempt.config.folder.clone(),
            key: attempt.key.clone(),
        }
    }
}

#[async_trait]
impl Executor for Spool {
    const KIND: &'static str = "spool";
    type Config = SpoolConfig;
    type Handle = SpooledWork;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            survives_restart: true,
            cancel: true,
            logs: true,
            sensor: false,
            holds: false,
            hints: false,
            default_wait: Wait::Poll,
        }
    }

    fn recovery(&self, _connection: Option<&Connection>) -> Recovery {
        Recovery::Resend
    }

    fn check(&self, with: &Draft<'_>) -> Vec<Problem> {
        let empty = with.text(&["folder"]) == Some("");
        let problem = || {
            Problem::at(["folder"], "the folder is empty")
                .help("Name the folder that the worker watches.")
        };
        empty.then(problem).into_iter().collect()
    }

    fn request(
        &self,
        attempt: &Attempt<SpoolConfig>,
        _connection: Option<&Connection>,
    ) -> Result<Request, Problem> {
        Ok(Request(json!({
            "key": attempt.key,
            "ingestion_id": attempt.run.ingestion_id,
            "folder": attempt.config.folder,
            "job": attempt.config.job,
        })))
    }

    async fn launch(
        &self,
        _context: &Context,
        attempt: &Attempt<SpoolConfig>,
        request: &Request,
    ) -> Result<SpooledWork, ExecutorError> {
        let work = SpooledWork::of(attempt);
        self.files_of(&work)
            .place(&request.canonical(), attempt.sends)
            .await?;
        Ok(work)
    }

    async fn adopt(
        &self,
        _context: &Context,
        attempt: &Attempt<SpoolConfig>,
        _request: &Request,
    ) -> Result<Option<SpooledWork>, ExecutorError> {
        let work = SpooledWork::of(attempt);
        let stage = self.files_of(&work).stage().await?;
        Ok((stage != Stage::Absent).then_some(work))
    }

    async fn poll(
        &self,
        _context: &Context,
        handles: &[SpooledWork],
        patience: Duration,
    ) -> Vec<Result<Status, ExecutorError>> {
        look_until_news(handles, patience, |work| self.look(work)).await
    }

    /// Leaves word for the worker; it stops in its own time, so `grace` is not ours to keep.
    async fn cancel(
        &self,
        _context: &Context,
        handle: &SpooledWork,
        _grace: Duration,
    ) -> Result<(), ExecutorError> {
        self.files_of(handle).ask_to_stop().await
    }

    fn batch_key(&self, handle: &SpooledWork) -> String {
        handle.folder.clone()
    }

    async fn logs(
        &self,
        _context: &Context,
        handle: &SpooledWork,
        after: Option<&LogCursor>,
    ) -> Result<LogPage, ExecutorError> {
        self.files_of(handle).log_page(after).await
    }

    async fn release(&self, _context: &Context, handle: &SpooledWork) -> Result<(), ExecutorError> {
        self.files_of(handle).remove().await
    }
}
