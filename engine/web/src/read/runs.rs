//! Runs: lists in pages, one with its tasks, its journal.

use std::time::Duration;

use axum::response::Response;
use chrono::{DateTime, Utc};
use noctule_core::name::RunId;
use noctule_core::run::{Fact, Phase, Record, Run};
use noctule_core::ticks::{IngestionId, parse_duration};
use noctule_core::view::{EventView, RUN_STATES, RunHead, RunView, TaskView};
use noctule_store::RunFilter;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use crate::access::{Caller, Need, Role, Scoped};
use crate::known::no_run;
use crate::live::Ear;
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::{EventList, LARGEST, List, RunList, cursor_after, read_cursor, size};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The longest wait of one request.
const WAITING: Duration = Duration::from_secs(60);
/// How often a waiting request looks by itself, should no word come.
const LOOK: Duration = Duration::from_secs(2);

/// `GET /api/v1/runs`.
pub(crate) struct ListRuns;
/// `GET /api/v1/runs/{run}`.
pub(crate) struct ShowRun;
/// `GET /api/v1/runs/{run}/events`.
pub(crate) struct RunEvents;
/// `GET /api/v1/runs/{run}/tasks`.
pub(crate) struct RunTasks;

/// Which runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunsQuery {
    /// Of this DAG.
    dag: Option<String>,
    /// In this state.
    #[schemars(schema_with = "states")]
    state: Option<String>,
    /// Created at this time or later: RFC 3339.
    #[schemars(schema_with = "moment")]
    since: Option<DateTime<Utc>>,
    /// With this ingestion id.
    #[schemars(regex(pattern = r"^[0-9]{8}([0-9]{6})?$"))]
    ingestion_id: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
}

/// How long to wait for the end of a run.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// Answer when the run is over, or after this long (`60s` at most).
    pub(crate) wait: Option<String>,
}

/// Which part of a journal.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// After the entry of this number.
    after: Option<u64>,
    /// At most so many.
    #[schemars(range(min = 1, max = LARGEST))]
    limit: Option<u32>,
}

/// Which tasks of a run.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksQuery {
    /// Of this name.
    task: Option<String>,
    /// Only this item.
    map_key: Option<String>,
}

fn states(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": RUN_STATES })
}

fn moment(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "format": "date-time" })
}

fn wrong(what: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidParameter, what)
}

async fn filter(web: &Web, query: RunsQuery, caller: &Caller) -> Result<RunFilter, Problem> {
    let limit = size(query.limit)?;
    if let Some(state) = query.state.as_deref()
        && !RUN_STATES.contains(&state)
    {
        return Err(wrong(format!("state: one of {}", RUN_STATES.join(", "))));
    }
    if let Some(id) = &query.ingestion_id {
        IngestionId::given(id).map_err(|error| wrong(format!("ingestion_id: {error}")))?;
    }
    let dag = query.dag.map(|dag| dag.parse()).transpose();
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    if let Some(before) = &before {
        let there = web.store().summary(before).await?;
        if !there.is_some_and(|run| caller.sees(run.facts.dag.as_str())) {
            return Err(wrong("cursor: its run is gone; begin anew"));
        }
    }
    Ok(RunFilter {
        dag: dag.map_err(|error: noctule_core::name::NameError| wrong(format!("dag: {error}")))?,
        among: caller.limits().cloned(),
        state: query.state,
        since: query.since,
        ingestion_id: query.ingestion_id,
        before,
        // One more tells whether there is another page.
        limit: limit + 1,
    })
}

impl Operation for ListRuns {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "list_runs";
    const SUMMARY: &'static str = "Runs, newest first, in pages";
    type Query = RunsQuery;
    type Body = Nothing;
    type Answer = RunList;

    async fn answer(web: Web, call: Call<RunsQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)? as usize;
        let filter = filter(&web, call.query, &call.caller).await?;
        let runs = web.store().find_runs(&filter).await?;
        let more = runs.len() > limit;
        let head = |run: &noctule_store::RunSummary| RunHead::of(&run.facts, run.round, &run.phase);
        let items: Vec<RunHead> = runs.iter().take(limit).map(head).collect();
        let last = items.last().filter(|_| more);
        found(&RunList {
            next: last.map(|run| cursor_after(&run.id)),
            items,
        })
    }
}

impl Operation for ShowRun {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "show_run";
    const SUMMARY: &'static str =
        "One run with its tasks and attempts; `wait` answers when it is over";
    const PATIENCE: Duration = Duration::from_secs(90);
    type Query = WaitQuery;
    type Body = Nothing;
    type Answer = RunView;

    async fn answer(web: Web, call: Call<WaitQuery, Nothing>) -> Result<Response, Problem> {
        let id = call.run()?;
        let wait = read_wait(&call.query)?;
        let run = until_over(&web, &id, wait).await?;
        let dag = web.dag(&run.facts.version).await?;
        found(&RunView::of(&dag, &run))
    }
}

/// How long a request may wait; more than the most is the most.
pub(crate) fn read_wait(query: &WaitQuery) -> Result<Option<Duration>, Problem> {
    let Some(text) = &query.wait else {
        return Ok(None);
    };
    let wait = parse_duration(text).map_err(|error| wrong(format!("wait: {error}")))?;
    Ok(Some(wait.min(WAITING)))
}

/// The run once it is over, or as it is when the wait is.
pub(crate) async fn until_over(
    web: &Web,
    id: &RunId,
    wait: Option<Duration>,
) -> Result<Run, Problem> {
    let end = Instant::now() + wait.unwrap_or_default();
    // Listening begins before the look, so that no end falls between.
    let mut ear = Ear::new(web);
    while Instant::now() < end {
        let summary = web.store().summary(id).await?.ok_or_else(|| no_run(id))?;
        if matches!(summary.phase, Phase::Ended { .. }) {
            break;
        }
        let until = end.min(Instant::now() + LOOK);
        // Whether word came or not, the store is looked at again.
        drop(tokio::time::timeout_at(until, ear.end_of(id)).await);
    }
    let run = web.store().run(id).await?;
    run.ok_or_else(|| no_run(id))
}

impl Operation for RunEvents {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}/events";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_run_events";
    const SUMMARY: &'static str = "The journal of a run, in order, in pages";
    type Query = EventsQuery;
    type Body = Nothing;
    type Answer = EventList;

    async fn answer(web: Web, call: Call<EventsQuery, Nothing>) -> Result<Response, Problem> {
        let limit = size(call.query.limit)?;
        let story = web.story(&call.run()?).await?;
        let after = call.query.after.unwrap_or(0);
        let mut records = web
            .store()
            .records(&story.run.facts.id, after, limit + 1)
            .await?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let seen =
            |(seq, record): &(u64, Record)| EventView::of(&story.dag, &story.run, *seq, record);
        // A change that is no news is kept for `replay`.
        let news = records
            .iter()
            .filter(|(_, record)| record.fact != Fact::Noted);
        let last = records.last().filter(|_| more);
        found(&EventList {
            next: last.map(|(seq, _)| *seq),
            items: news.map(seen).collect(),
        })
    }
}

impl Operation for RunTasks {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}/tasks";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "list_run_tasks";
    const SUMMARY: &'static str = "The tasks of a run, with their ids and attempts";
    type Query = TasksQuery;
    type Body = Nothing;
    type Answer = List<TaskView>;

    async fn answer(web: Web, call: Call<TasksQuery, Nothing>) -> Result<Response, Problem> {
        let story = web.story(&call.run()?).await?;
        let TasksQuery { task, map_key } = call.query;
        let mut items = RunView::of(&story.dag, &story.run).tasks;
        items.retain(|seen| {
            task.as_ref().is_none_or(|task| *task == seen.task)
                && (map_key.is_none() || map_key == seen.map_key)
        });
        found(&List { items })
    }
}
