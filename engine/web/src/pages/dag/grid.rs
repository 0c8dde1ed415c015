//! Runs by tasks, and the runs themselves as a list; from both, many can be acted on at once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use maud::{Markup, html};
use noctule_core::run::Phase;
use noctule_core::view::{RUN_STATES, RunHead};
use noctule_store::{RunFilter, RunSummary};
use serde::Deserialize;

use super::cells::{Cell, PITCH, TALL, row};
use super::columns::Column;
use super::frame::{DagSheet, Tab, no_runs};
use super::many::many;
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::page::{cursor_after, read_cursor};
use crate::pages::marks::{badge, mark, words};
use crate::pages::times::{lasted, span, time, when};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// Runs of a grid where nobody says how many.
const RUNS: u32 = 50;
/// The most runs of a grid.
const MOST: u32 = 200;
/// Pixels of the bars above the columns.
const BARS: usize = 56;

/// `GET /dags/{dag}`.
pub(crate) struct ShowGrid;

/// Which runs.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GridQuery {
    /// At most so many.
    runs: Option<u32>,
    /// In this state.
    state: Option<String>,
    /// Older than the run of this cursor.
    cursor: Option<String>,
}

/// The runs of a page, newest first, and whether there are older ones.
pub(super) struct Window {
    pub(super) runs: Vec<RunSummary>,
    pub(super) more: bool,
}

impl Operation for ShowGrid {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "dag_page";
    const SUMMARY: &'static str = "Runs by tasks";
    const MEDIA: &'static str = "text/html";
    type Query = GridQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<GridQuery, Nothing>) -> Result<Response, Problem> {
        let dag = web.dag_view(web.record(&call.dag()?).await?).await?;
        let window = window(&web, &dag.dag, &call.query).await?;
        let columns = web.columns(&window.runs).await?;
        let may = call.caller.may_act();
        let below = html! {
            (choices(&dag.dag, &call.query, &window))
            div id="runs" data-live data-pause="4000" data-frame=(frame(&window)) {
                @if window.runs.is_empty() {
                    @if call.query.state.is_some() { p { "No run of this DAG is in this state." } }
                    @else { (no_runs(&dag.dag, may)) }
                } @else {
                    (picture(&web, &window.runs, &columns, may))
                    (list(&web, &window.runs, may))
                }
            }
            @if may { (many(&dag.dag)) }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &dag,
            tab: Tab::Grid,
            scripts: if may {
                &["grid.js", "many.js"]
            } else {
                &["grid.js"]
            },
            below,
        };
        Ok(sheet.answer(&web))
    }
}

async fn window(web: &Web, dag: &str, query: &GridQuery) -> Result<Window, Problem> {
    let wrong = |said: String| Problem::new(Code::InvalidParameter, said);
    let asked = query.runs.unwrap_or(RUNS);
    if !(1..=MOST).contains(&asked) {
        return Err(wrong(format!("runs: {asked} is not between 1 and {MOST}")));
    }
    let state = query.state.clone().filter(|state| !state.is_empty());
    if state
        .as_deref()
        .is_some_and(|state| !RUN_STATES.contains(&state))
    {
        return Err(wrong(format!("state: one of {}", RUN_STATES.join(", "))));
    }
    let filter = RunFilter {
        dag: dag.parse().ok(),
        state,
        before: query.cursor.as_deref().map(read_cursor).transpose()?,
        limit: asked + 1,
        ..RunFilter::default()
    };
    let mut runs = web.store().find_runs(&filter).await?;
    let more = runs.len() > asked as usize;
    runs.truncate(asked as usize);
    Ok(Window { runs, more })
}

/// What the columns are: while they stay the same, cells can change in place.
fn frame(window: &Window) -> String {
    let ends = [window.runs.first(), window.runs.last()]
        .map(|run| run.map_or_else(String::new, |run| run.facts.id.to_string()));
    format!("{} {}", ends.join(" "), window.runs.len())
}

fn choices(dag: &str, query: &GridQuery, window: &Window) -> Markup {
    let runs = query.runs.unwrap_or(RUNS);
    let address = |runs: u32, state: Option<&str>, cursor: Option<String>| {
        let mut to = format!("/dags/{dag}?runs={runs}");
        for (key, value) in [("state", state), ("cursor", cursor.as_deref())] {
            if let Some(value) = value {
                to.push_str(&format!("&{key}={value}"));
            }
        }
        to
    };
    let state = query.state.as_deref();
    let here = |is| if is { Some("true") } else { None };
    html! {
        div.choices {
            span { "Runs " @for count in [25, 50, 100, 200] {
                a href=(address(count, state, None)) aria-current=[here(count == runs)] { (count) } " "
            } }
            span {
                a href=(address(runs, None, None)) aria-current=[here(state.is_none())] { "all" } " "
                @for word in RUN_STATES {
                    a href=(address(runs, Some(word), None)) aria-current=[here(state == Some(word))] { (words(word)) } " "
                }
            }
            span {
                @if query.cursor.is_some() { a href=(address(runs, state, None)) { "newest" } " " }
                @if let Some(last) = window.runs.last().filter(|_| window.more) {
                    a href=(address(runs, state, Some(cursor_after(last.facts.id.as_str())))) { "older" }
                }
            }
        }
    }
}

/// The tasks of all columns, those of the newest version first.
fn names(columns: &[Arc<Column>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut known: HashMap<String, ()> = HashMap::new();
    let mut seen: Vec<&noctule_core::name::DagHash> = Vec::new();
    for column in columns {
        if seen.contains(&column.dag.hash()) {
            continue;
        }
        seen.push(column.dag.hash());
        for task in column.dag.outer() {
            let name = column.dag.task(task).name.to_string();
            if known.insert(name.clone(), ()).is_none() {
                names.push(name);
            }
        }
    }
    names
}

fn picture(web: &Web, runs: &[RunSummary], columns: &[Arc<Column>], may: bool) -> Markup {
    // Time goes to the right, as everywhere.
    let runs: Vec<&RunSummary> = runs.iter().rev().collect();
    let names = names(columns);
    let columns: Vec<&Arc<Column>> = columns.iter().rev().collect();
    let cell = |column: &Column, name: &str| {
        let place = column.dag.find(name).map(noctule_core::dag::TaskIx::index);
        let known = place.and_then(|place| column.cells.get(place));
        known.copied().unwrap_or(Cell::None)
    };
    let known: Vec<String> = runs.iter().map(|run| column_of(run)).collect();
    html! {
        section.grid aria-labelledby="grid-title" {
            div.head {
                h2 id="grid-title" { "Grid" }
                (legend())
                label.check hidden[!may] { input type="checkbox" id="picking" data-keep; "select instead of open" }
            }
            p.quiet.grid-hint id="grid-hint" { "A column is a run, the newest at the right; the bar is how long it took. Click a cell for its last attempt. With the keyboard: Tab into the grid, arrows move, Enter opens, Space selects." }
            div.pane { div.inner {
                table.cells id="cells" data-pitch=(PITCH) data-tall=(TALL) data-runs=(known.join("\n")) {
                    caption.unseen { "States of the tasks of the last " (runs.len()) " runs" }
                    thead { tr { th.corner scope="col" { (names.len()) @if names.len() == 1 { " task" } @else { " tasks" } } td { (bars(web, &runs)) } } }
                    tbody {
                        @for (place, name) in names.iter().enumerate() {
                            @let cells: Vec<Cell> = columns.iter().map(|column| cell(column, name)).collect();
                            tr id={ "t" (place) } { th scope="row" { (name) } td { (row(&cells)) } }
                        }
                    }
                }
            } }
        }
    }
}

/// What the script of the grid knows of a column.
fn column_of(run: &RunSummary) -> String {
    let head = RunHead::of(&run.facts, run.round, &run.phase);
    format!("{} {} {}", head.id, head.ingestion_id, head.state)
}

/// The runs above their columns: how long each took, and how it ended.
fn bars(web: &Web, runs: &[&RunSummary]) -> Markup {
    let took = |run: &RunSummary| {
        let head = RunHead::of(&run.facts, run.round, &run.phase);
        let from = head.started_at?;
        let to = head.ended_at.unwrap_or_else(|| web.now());
        Some((to - from).num_milliseconds().max(0))
    };
    let longest = runs.iter().filter_map(|run| took(run)).max().unwrap_or(1);
    let height = |run: &RunSummary| match took(run) {
        None => 3,
        Some(took) => {
            let room = i64::try_from(BARS - 22).unwrap_or(i64::MAX);
            4 + (took * room / longest.max(1)).clamp(0, room)
        }
    };
    let floor = i64::try_from(BARS - 16).unwrap_or(i64::MAX);
    html! {
        svg.bars width=(runs.len() * PITCH) height=(BARS) role="group" data-roving="" aria-label="The runs" {
            @for (place, run) in runs.iter().enumerate() {
                @let head = RunHead::of(&run.facts, run.round, &run.phase);
                @let (tone, _) = mark(head.state);
                @let tall = height(run);
                a href={ "/runs/" (head.id) } class=(tone.class()) aria-label={
                    "Run " (head.ingestion_id) ", " (words(head.state))
                    @if let Some(took) = took(run) { ", " (span(chrono::TimeDelta::milliseconds(took))) }
                } {
                    rect.hit x=(place * PITCH) y="0" width=(PITCH) height=(BARS) {}
                    rect x=(place * PITCH + 2) y=(floor - tall) width=(PITCH - 4) height=(tall) rx="1" {}
                    @if is_bad(&run.phase) {
                        path.x d={ "M" (place * PITCH + 5) " " (BARS - 12) "l6 6m0-6l-6 6" } {}
                    }
                }
            }
        }
    }
}

fn is_bad(phase: &Phase) -> bool {
    matches!(phase.word(), "failed" | "timed_out")
}

fn legend() -> Markup {
    html! {
        ul.legend aria-label="Signs" {
            @for state in Cell::ALL {
                li { svg.g viewBox="0 -.5 1 1" width=(PITCH) height=(TALL) aria-hidden="true" { path class=(state.class()) d="M0 0h1" {} } (words(state.word())) }
            }
        }
    }
}

fn list(web: &Web, runs: &[RunSummary], may: bool) -> Markup {
    let zone = web.settings().zone;
    html! {
        section aria-labelledby="list-title" {
            h2 id="list-title" { "Runs" }
            div.scroll { table.list {
                thead { tr {
                    th scope="col" { span.unseen { "Select" } }
                    th scope="col" { "State" } th scope="col" { "Ingestion id" } th scope="col" { "Nominal time" }
                    th scope="col" { "Started" } th.num scope="col" { "Took" } th scope="col" { "By" } th scope="col" { "Run" }
                } }
                tbody {
                    @for run in runs {
                        @let head = RunHead::of(&run.facts, run.round, &run.phase);
                        tr id={ "r-" (head.id) } {
                            td { @if may { input type="checkbox" data-keep data-run=(head.id) aria-label={ "Select run " (head.ingestion_id) }; } }
                            td { (badge(head.state)) @if head.stopping.is_some() { " " span.quiet { "stopping" } } }
                            td.mono { a href={ "/runs/" (head.id) } { (head.ingestion_id) } }
                            td.nowrap { (time(head.logical_time, zone, "%a %-d %b %H:%M")) }
                            td.nowrap { @match head.started_at { Some(at) => (when(at, zone)), None => { span.none { "–" } } } }
                            td.num { (lasted(head.started_at, head.ended_at, web.now())) }
                            td { (words(head.trigger)) @if let Some(by) = &head.triggered_by { " " bdi { (by) } } @if head.round > 1 { " · round " (head.round) } }
                            td.mono.quiet { (head.id) }
                        }
                    }
                }
            } }
        }
    }
}
