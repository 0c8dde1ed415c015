//! Why a run or a task waits.

use axum::response::Response;
use noctule_core::explain::{Reason, Scene, concerns, explain, explain_ask};
use noctule_core::run::{Instant, TaskRunIx};
use noctule_core::view::ReasonView;

use crate::access::{Need, Role};
use crate::known::Story;
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::page::List;
use crate::problem::Problem;
use crate::web::Web;

/// `GET /api/v1/runs/{run}/explain`.
pub(crate) struct ExplainRun;
/// `GET /api/v1/task-runs/{id}/explain`.
pub(crate) struct ExplainTask;

impl Operation for ExplainRun {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/runs/{run}/explain";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "explain_run";
    const SUMMARY: &'static str = "Why a run waits: each gate, who holds it, since when";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<ReasonView>;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let story = web.story(&call.run()?).await?;
        found(&reasons(&web, &story, None).await?)
    }
}

impl Operation for ExplainTask {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/task-runs/{id}/explain";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "explain_task";
    const SUMMARY: &'static str = "Why a task waits, and what it waits for in the end";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = List<ReasonView>;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let (story, task) = web.task_story(&call.task_run()?).await?;
        found(&reasons(&web, &story, Some(task)).await?)
    }
}

pub(crate) async fn reasons(
    web: &Web,
    story: &Story,
    task: Option<TaskRunIx>,
) -> Result<List<ReasonView>, Problem> {
    let mut live = Vec::new();
    for run in web.store().live_runs().await? {
        live.push((web.dag(&run.facts.version).await?, run));
    }
    let scene = match web.engine().and_then(|engine| Ok(engine.surroundings()?)) {
        Ok(around) => Scene::of(live, &story.run, &around.pools, &around.desk.connections),
        Err(_) => Scene::of(live, &story.run, &[].into(), &[].into()),
    };
    let zone = web.settings().zone;
    let say = |at: Instant| {
        at.with_timezone(&zone)
            .format("%Y-%m-%d %H:%M:%S %Z")
            .to_string()
    };
    let holder = web.holder().await?;
    let asks = web.store().pending_asks().await?;
    let backfills = web.backfill_reasons(&story.run).await?;
    let known = scene.known(web.now(), holder.as_deref(), web.settings().slots, &say);
    let mut told: Vec<Reason> = explain(&story.dag, &story.run, task, &known);
    for (_, ask) in &asks {
        if concerns(ask, &story.run) {
            told.push(explain_ask(ask, holder.as_deref(), &say));
        }
    }
    told.extend(backfills);
    Ok(List {
        items: told.iter().map(ReasonView::from).collect(),
    })
}
