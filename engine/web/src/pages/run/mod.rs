//! The page of one run: what went wrong or what it waits for, its graph, its times, its tasks, its journal, and what can
//! be done about it.

mod acts;
mod bad;
mod chart;
mod journal;
mod tasks;
mod ways;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_core::dag::TaskIx;
use noctule_core::picture::{Look, Sheet as Style, standings};
use noctule_core::timeline::{Timeline, critical_path};
use noctule_core::view::{RunHead, RunView};

pub(crate) use self::acts::{mark, retry_from};
pub(crate) use self::bad::{reasons_list, target};
pub(crate) use self::ways::{RunQuery, attempt_way};

use super::action::lookers_only;
use super::layout::{Nav, Sheet, Watch};
use super::marks::badge;
use super::picture::{canvas, groups_of, usual_or};
use super::times::{lasted, when};
use crate::access::{Need, Role};
use crate::known::Story;
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::Problem;
use crate::web::Web;

/// `GET /runs/{run}`.
pub(crate) struct ShowRunPage;

impl Operation for ShowRunPage {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/runs/{run}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "run_page";
    const SUMMARY: &'static str = "One run";
    const MEDIA: &'static str = "text/html";
    type Query = RunQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<RunQuery, Nothing>) -> Result<Response, Problem> {
        let query = &call.query;
        query.check()?;
        let story = web.story(&call.run()?).await?;
        let view = RunView::of(&story.dag, &story.run);
        let (now, id) = (web.now(), view.head.id.as_str());
        let may = call.caller.may_act();
        let chart = Timeline::of(&story.dag, &view, now);
        let steps = critical_path(&story.dag, &view, now);
        let body = html! {
            (top(&web, &view.head))
            (bad::bad(&web, &story, &view, may).await?)
            @if may { (acts::of_run(&view)) } @else { (lookers_only()) }
            (graph(&web, &story, &view, query).await?)
            (chart::section(&web, &view, &chart, &steps))
            (tasks::section(&web, &story, &view, query))
            (journal::section(&web, &story, query).await?)
        };
        let sheet = Sheet {
            who: &call.caller,
            title: &format!("{} {}", view.head.dag, view.head.ingestion_id),
            nav: Nav::Below,
            watch: Watch::Run(id),
            scripts: &["graph.js"],
            body,
        };
        Ok(sheet.answer(&web, StatusCode::OK))
    }
}

/// What the run is, and how it stands.
fn top(web: &Web, run: &RunHead) -> Markup {
    let zone = web.settings().zone;
    html! {
        p.crumbs { a href="/" { "Tonight" } " / " a href={ "/dags/" (run.dag) } { (run.dag) } " / run" }
        div id="top" data-live {
            div.head {
                h1 { bdi { (run.dag) } " " span.mono { (run.ingestion_id) } }
                (badge(run.state))
                @if let Some(stop) = run.stopping { (badge("cancelling")) span.quiet { "because of a " (stop) } }
            }
            dl.facts.wide {
                dt { "run" } dd { code { (run.id) } }
                dt { "took" } dd { (lasted(run.started_at, run.ended_at, web.now())) }
                dt { "created" } dd { (when(run.created_at, zone)) ", " (run.trigger.replace('_', " "))
                    @if let Some(by) = &run.triggered_by { " by " bdi { (by) } } }
                dt { "logical time" } dd { (when(run.logical_time, zone)) }
                @if let Some(at) = run.started_at { dt { "started" } dd { (when(at, zone)) @if run.round > 1 { ", round " (run.round) } } }
                @if let Some(at) = run.ended_at { dt { "ended" } dd { (when(at, zone)) } }
                @if let Some(at) = run.deadline { dt { "must end by" } dd { (when(at, zone)) } }
                dt { "version" } dd { code title=(run.version) { (run.version.chars().take(19).collect::<String>()) } }
                @if !run.params.is_empty() {
                    dt { "parameters" }
                    dd { @for (name, value) in &run.params { div { code { (name) " = " (value) } } } }
                }
            }
        }
    }
}

async fn graph(
    web: &Web,
    story: &Story,
    view: &RunView,
    query: &RunQuery,
) -> Result<Markup, Problem> {
    let (dag, id) = (&story.dag, view.head.id.as_str());
    let cut = usual_or(dag, query.open.as_deref(), query.near.as_deref());
    let picture = web.picture(dag, cut.clone()).await?;
    let standing = standings(dag, view);
    let link = |task: TaskIx| {
        let name = dag.task(task).name.as_str();
        let only = view
            .tasks
            .iter()
            .find(|seen| seen.task == name && seen.map_key.is_none());
        Some(match only {
            _ if dag.task(task).is_group() => {
                let open = Some(groups_of(dag, &cut, task));
                RunQuery {
                    open,
                    near: query.near.clone(),
                    ..RunQuery::default()
                }
                .way(id, "graph")
            }
            Some(task) => attempt_way(id, task),
            None => RunQuery {
                task: Some(name.to_owned()),
                ..RunQuery::default()
            }
            .way(id, "tasks"),
        })
    };
    let look = Look {
        standing: &|task| standing.get(task.index()).cloned().flatten(),
        link: &link,
        marked: cut.near,
        sheet: Style::Page,
        title: &format!("The graph of {}", view.head.dag),
    };
    let whole = RunQuery {
        near: None,
        ..query.clone()
    }
    .way(id, "graph");
    Ok(html! {
        section id="graph" {
            h2 { "Graph" }
            (canvas(dag, &picture, &cut, &look, &whole))
        }
    })
}
