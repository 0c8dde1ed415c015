//! What the looking commands ask for.

use noctule_core::name::{RunId, TaskTarget};
use noctule_core::view::{
    DagView, EventView, ReasonView, RunHead, RunView, TaskRunId, TonightView, WorkView,
};
use noctule_web::{EventList, LOG_HEADERS, List, RunList};

use super::Server;
use crate::error::CliError;
use crate::run_name::{self, RunName, Several};

/// Elements of a page.
const PAGE: u32 = 200;

/// A part of a log.
pub(crate) struct LogPart {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where the next part begins, as the server names it.
    pub(crate) next: Option<String>,
    /// Nothing more is there now.
    pub(crate) drained: bool,
    /// The attempt is over.
    pub(crate) over: bool,
}

impl Server {
    pub(crate) async fn dags(&self) -> Result<Vec<DagView>, CliError> {
        let list: List<DagView> = self.get(&["dags"], &[]).await?;
        Ok(list.items)
    }

    /// The night.
    pub(crate) async fn tonight(&self) -> Result<TonightView, CliError> {
        self.get(&["tonight"], &[]).await
    }

    /// What is under way.
    pub(crate) async fn work(&self) -> Result<WorkView, CliError> {
        self.get(&["work"], &[]).await
    }

    /// Runs that fit, at most so many, newest first.
    pub(crate) async fn runs(
        &self,
        filter: &[(&str, String)],
        most: u32,
    ) -> Result<Vec<RunHead>, CliError> {
        let mut runs: Vec<RunHead> = Vec::new();
        let mut cursor = None;
        loop {
            let there = u32::try_from(runs.len()).unwrap_or(u32::MAX);
            let limit = most.saturating_sub(there).min(PAGE);
            if limit == 0 {
                return Ok(runs);
            }
            let mut query = filter.to_vec();
            query.push(("limit", limit.to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: RunList = self.get(&["runs"], &query).await?;
            runs.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(runs),
            }
        }
    }

    /// The run of a name that somebody typed.
    pub(crate) async fn find(&self, text: &str, several: Several) -> Result<RunId, CliError> {
        let name = run_name::read(text)?;
        let (filter, most) = match &name {
            RunName::Id(id) => return Ok(id.clone()),
            RunName::Latest => (vec![], 1),
            RunName::LatestOf(dag) => (vec![("dag", dag.to_string())], 1),
            RunName::Of(dag, id) => {
                let filter = vec![("dag", dag.to_string()), ("ingestion_id", id.clone())];
                (filter, run_name::LISTED)
            }
        };
        let found = self.runs(&filter, most).await?;
        run_name::choose(&name, &found, several)
    }

    pub(crate) async fn run(&self, run: &RunId) -> Result<RunView, CliError> {
        self.get(&["runs", run.as_str()], &[]).await
    }

    /// The run once it is over, or after a while.
    pub(crate) async fn run_after(&self, run: &RunId, wait: &str) -> Result<RunView, CliError> {
        let query = [("wait", wait.to_owned())];
        self.get(&["runs", run.as_str()], &query).await
    }

    pub(crate) async fn events(&self, run: &RunId) -> Result<Vec<EventView>, CliError> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
            let page: EventList = self.get(&["runs", run.as_str(), "events"], &query).await?;
            events.extend(page.items);
            match page.next {
                Some(next) => after = next,
                None => return Ok(events),
            }
        }
    }

    pub(crate) async fn explain(
        &self,
        run: &RunId,
        task: Option<TaskTarget>,
    ) -> Result<Vec<ReasonView>, CliError> {
        let list: List<ReasonView> = match task {
            None => self.get(&["runs", run.as_str(), "explain"], &[]).await?,
            Some(target) => {
                let run = run.clone();
                let id = TaskRunId { run, target }.to_string();
                self.get(&["task-runs", &id, "explain"], &[]).await?
            }
        };
        Ok(list.items)
    }

    /// A part of the log of an attempt.
    pub(crate) async fn log(
        &self,
        task_run: &str,
        attempt: u32,
        after: Option<&str>,
    ) -> Result<LogPart, CliError> {
        let number = attempt.to_string();
        let mut address = self.address(&["task-runs", task_run, "attempts", &number, "logs"]);
        if let Some(after) = after {
            address.query_pairs_mut().append_pair("after", after);
        }
        let response = self.send(self.client.get(address)).await?;
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let [next, drained, state] = LOG_HEADERS.map(header);
        let live = ["launching", "running", "cancelling"];
        let bytes = response.bytes().await;
        Ok(LogPart {
            bytes: bytes.map_err(|error| self.unreachable(&error))?.to_vec(),
            next,
            drained: drained.as_deref() == Some("true"),
            over: !live.contains(&state.as_deref().unwrap_or_default()),
        })
    }
}
