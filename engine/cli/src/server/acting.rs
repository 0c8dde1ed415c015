//! What the acting commands ask for.

use noctule_core::name::{RunId, TaskTarget};
use noctule_core::view::{RunView, TaskRunId};
use noctule_web::{Acted, CancelBody, MarkBody, PauseBody, ResumeBody, RetryBody, TriggerBody};

use super::Server;
use crate::error::CliError;

impl Server {
    pub(crate) async fn trigger(&self, dag: &str, body: &TriggerBody) -> Result<RunView, CliError> {
        self.post(&["dags", dag, "runs"], false, body).await
    }

    pub(crate) async fn cancel(
        &self,
        run: &RunId,
        dry_run: bool,
        body: &CancelBody,
    ) -> Result<Acted, CliError> {
        self.post(&["runs", run.as_str(), "cancel"], dry_run, body)
            .await
    }

    pub(crate) async fn retry(
        &self,
        run: &RunId,
        dry_run: bool,
        body: &RetryBody,
    ) -> Result<Acted, CliError> {
        self.post(&["runs", run.as_str(), "retry"], dry_run, body)
            .await
    }

    pub(crate) async fn mark(
        &self,
        run: &RunId,
        target: TaskTarget,
        dry_run: bool,
        body: &MarkBody,
    ) -> Result<Acted, CliError> {
        let run = run.clone();
        let id = TaskRunId { run, target }.to_string();
        self.post(&["task-runs", &id, "mark"], dry_run, body).await
    }

    pub(crate) async fn pause(&self, dag: &str, body: &PauseBody) -> Result<Acted, CliError> {
        self.post(&["dags", dag, "pause"], false, body).await
    }

    pub(crate) async fn resume(&self, dag: &str, body: &ResumeBody) -> Result<Acted, CliError> {
        self.post(&["dags", dag, "resume"], false, body).await
    }
}
