//! Backfills, and acts over many runs.

use noctule_core::many::Act;
use noctule_core::name::BackfillId;
use noctule_core::run::Verdict;
use noctule_core::view::{BackfillView, ManyView, NightsView};
use noctule_web::{
    BackfillActBody, BackfillBody, BackfillList, CancelManyBody, MarkManyBody, MarkedAs,
    RetryManyBody, Which,
};

use super::Server;
use crate::error::CliError;

impl Server {
    pub(crate) async fn backfill(
        &self,
        dag: &str,
        dry_run: bool,
        body: &BackfillBody,
    ) -> Result<NightsView, CliError> {
        self.post(&["dags", dag, "backfills"], dry_run, body).await
    }

    /// The newest backfills.
    pub(crate) async fn backfills(
        &self,
        dag: Option<&str>,
        live: bool,
    ) -> Result<Vec<BackfillView>, CliError> {
        let mut query = vec![("live", live.to_string()), ("limit", "100".to_owned())];
        query.extend(dag.map(|dag| ("dag", dag.to_owned())));
        let list: BackfillList = self.get(&["backfills"], &query).await?;
        Ok(list.items)
    }

    pub(crate) async fn nights(&self, id: &BackfillId) -> Result<NightsView, CliError> {
        self.get(&["backfills", id.as_str()], &[]).await
    }

    pub(crate) async fn act_on_backfill(
        &self,
        id: &BackfillId,
        act: &str,
        body: &BackfillActBody,
    ) -> Result<BackfillView, CliError> {
        self.post(&["backfills", id.as_str(), act], false, body)
            .await
    }

    /// One act over many runs.
    pub(crate) async fn many(
        &self,
        dag: &str,
        act: &Act,
        which: Which,
        reason: Option<String>,
        dry_run: bool,
    ) -> Result<ManyView, CliError> {
        match act {
            Act::Retry(scope) => {
                let body = RetryManyBody {
                    which,
                    tasks: scope.tasks.iter().map(ToString::to_string).collect(),
                    downstream: scope.downstream,
                    all: scope.all,
                    reason,
                };
                self.post(&["dags", dag, "runs", "retry"], dry_run, &body)
                    .await
            }
            Act::Cancel => {
                let body = CancelManyBody { which, reason };
                self.post(&["dags", dag, "runs", "cancel"], dry_run, &body)
                    .await
            }
            Act::Mark {
                task,
                verdict,
                leave_running,
            } => {
                let body = MarkManyBody {
                    which,
                    task: task.to_string(),
                    state: match verdict {
                        Verdict::Failed => MarkedAs::Failed,
                        Verdict::Skipped => MarkedAs::Skipped,
                        _ => MarkedAs::Succeeded,
                    },
                    leave_running: *leave_running,
                    reason,
                };
                self.post(&["dags", dag, "runs", "mark"], dry_run, &body)
                    .await
            }
        }
    }
}
