//! The picture of a graph in a page, and the page that shows it for a DAG.

use axum::response::Response;
use form_urlencoded::Serializer;
use maud::{Markup, PreEscaped, html};
use noctule_core::dag::{Dag, TaskIx};
use noctule_core::picture::{Cut, Look, Picture, Sheet as Style, svg};
use serde::Deserialize;

use super::map::map;
use super::{groups_of, usual_or};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::dag::{DagSheet, Tab};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /dags/{dag}/graph`.
pub(crate) struct ShowGraphPage;

/// Which part of the graph.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphQuery {
    /// The groups that are open, with commas between.
    open: Option<String>,
    /// Only what is near this task.
    near: Option<String>,
}

impl Operation for ShowGraphPage {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}/graph";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "graph_page";
    const SUMMARY: &'static str = "The graph of a DAG";
    const MEDIA: &'static str = "text/html";
    type Query = GraphQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<GraphQuery, Nothing>) -> Result<Response, Problem> {
        let record = web.record(&call.dag()?).await?;
        let hash = record
            .version
            .clone()
            .ok_or_else(|| Problem::new(Code::NoSuchVersion, "this DAG has no good version yet"))?;
        let dag = web.dag(&hash).await?;
        let view = web.dag_view(record).await?;
        let id = view.dag.as_str();
        let GraphQuery { open, near } = call.query;
        let cut = usual_or(&dag, open.as_deref(), near.as_deref());
        let picture = web.picture(&dag, cut.clone()).await?;
        let way = |pairs: &[(&str, &str)]| {
            let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
            format!("/dags/{id}/graph?{query}")
        };
        let link = |task: TaskIx| {
            let name = dag.task(task).name.as_str();
            Some(if dag.task(task).is_group() {
                way(&[("open", &groups_of(&dag, &cut, task))])
            } else {
                way(&[("near", name)])
            })
        };
        let look = Look {
            standing: &|_| None,
            link: &link,
            marked: cut.near,
            sheet: Style::Page,
            title: &format!("The graph of {id}"),
        };
        let below = html! {
            section {
                (canvas(&dag, &picture, &cut, &look, &format!("/dags/{id}/graph")))
                p.quiet { "A task leads to what is near it, a group opens and shuts." }
            }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &view,
            tab: Tab::Graph,
            scripts: &["graph.js"],
            below,
        };
        Ok(sheet.answer(&web))
    }
}

/// A graph with what moves it. Without a script it can be scrolled.
pub(crate) fn canvas(
    dag: &Dag,
    picture: &Picture,
    cut: &Cut,
    look: &Look<'_>,
    whole: &str,
) -> Markup {
    html! {
        div.tools {
            div.zoom id="zoom" data-keep hidden {
                button type="button" data-zoom="out" aria-label="Smaller" { "−" }
                button type="button" data-zoom="in" aria-label="Larger" { "+" }
                button type="button" data-zoom="fit" { "Fit" }
                button type="button" data-zoom="one" { "1:1" }
            }
            @if let Some(near) = cut.near {
                p {
                    "Near " b { (dag.task(near).name) } " only; " (picture.hidden) " not shown. "
                    a href=(whole) { "Show all" }
                }
            }
            @if let Some(map) = map(picture, look) { (map) }
        }
        div.canvas id="canvas" data-live data-roving=".marked a,.s-failed a,.s-timed_out a,.s-running a,a" tabindex="0" role="region" aria-label=(look.title) {
            (PreEscaped(svg(dag, picture, look)))
        }
    }
}
