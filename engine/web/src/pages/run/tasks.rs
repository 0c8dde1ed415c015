//! The tasks of a run as a table: one row a task, the items of mapped ones together until they are asked for.
//!
//! Guarantees: a page has a bounded number of rows, however many items there are.

use std::collections::BTreeMap;

use maud::{Markup, html};
use noctule_core::dag::{Dag, TaskIx};
use noctule_core::picture::standings;
use noctule_core::view::{RunView, TaskView};

use super::bad::target;
use super::ways::{RunQuery, STATES, attempt_way};
use crate::known::Story;
use crate::pages::marks::{badge, words};
use crate::pages::times::{lasted, time};
use crate::web::Web;

/// Rows of a page.
const ROWS: usize = 100;

pub(super) fn section(web: &Web, story: &Story, run: &RunView, query: &RunQuery) -> Markup {
    let flat = query.state.is_some() || query.task.is_some();
    html! {
        section id="tasks" {
            h2 { "Tasks" }
            div id="task-list" data-live {
                (choices(run, query))
                @if flat { (items(web, run, query)) } @else { (whole(web, story, run, query)) }
            }
        }
    }
}

/// The states that there are, with how many tasks stand so.
fn choices(run: &RunView, query: &RunQuery) -> Markup {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &run.tasks {
        *counts.entry(task.state).or_default() += 1;
    }
    let id = run.head.id.as_str();
    let of = |state: Option<&str>| {
        let state = state.map(str::to_owned);
        RunQuery {
            state,
            task: query.task.clone(),
            ..RunQuery::default()
        }
        .way(id, "tasks")
    };
    html! {
        p.choices {
            a href=(of(None)) aria-current=[query.state.is_none().then_some("true")] { "all " (run.tasks.len()) }
            @for state in STATES.iter().filter(|state| counts.contains_key(**state)) {
                a href=(of(Some(state))) aria-current=[(query.state.as_deref() == Some(*state)).then_some("true")] {
                    (words(state)) " " (counts[state])
                }
            }
            @if let Some(task) = &query.task {
                span { "items of " b { bdi { (task) } } ". " a href=(RunQuery::default().way(id, "tasks")) { "All tasks" } }
            }
        }
    }
}

fn table(rows: Markup) -> Markup {
    html! {
        div.scroll {
            table.tasks {
                thead { tr { th scope="col" { "State" } th scope="col" { "Task" } th scope="col" { "Began" } th.num scope="col" { "Took" } th.num scope="col" { "Tries" } th scope="col" { "What it says" } th scope="col" { span.unseen { "Graph" } } } }
                tbody { (rows) }
            }
        }
    }
}

/// One row a task of the DAG.
fn whole(web: &Web, story: &Story, run: &RunView, query: &RunQuery) -> Markup {
    let dag = &story.dag;
    let standing = standings(dag, run);
    let single: BTreeMap<&str, &TaskView> = run
        .tasks
        .iter()
        .filter(|task| task.map_key.is_none())
        .map(|task| (task.task.as_str(), task))
        .collect();
    let order = in_order(dag);
    let from = query.from.unwrap_or(0).min(order.len());
    let mapped = |task: TaskIx| {
        run.mapped
            .iter()
            .any(|mapped| mapped.task == dag.task(task).name.as_str())
    };
    html! {
        (table(html! {
            @for task in order.iter().skip(from).take(ROWS) {
                @match single.get(dag.task(*task).name.as_str()) {
                    Some(seen) if !mapped(*task) => (row(web, run, seen)),
                    _ => {
                        @let name = dag.task(*task).name.as_str();
                        @let stands = standing.get(task.index()).cloned().flatten().unwrap_or_default();
                        tr id={ "t-" (task) } {
                            td { (badge(if stands.word.is_empty() { "waiting" } else { stands.word })) }
                            td.name-cell {
                                @if dag.task(*task).is_group() { bdi { (name) } }
                                @else { a href=(RunQuery { task: Some(name.to_owned()), ..RunQuery::default() }.way(&run.head.id, "tasks")) { bdi { (name) } } }
                            }
                            td {} td {} td {}
                            td.quiet { (stands.more) }
                            td { (near(run, name)) }
                        }
                    }
                }
            }
        }))
        @if from + ROWS >= order.len() { (removed(run)) }
        (pages(run, query, from, (from + ROWS < order.len()).then_some(from + ROWS)))
    }
}

/// What a later definition has no longer, with the way to what it did.
fn removed(run: &RunView) -> Markup {
    let removed: Vec<&TaskView> = run.tasks.iter().filter(|task| task.removed).collect();
    html! {
        @if !removed.is_empty() {
            p.quiet id="removed" {
                "The definition of this run has no longer: "
                @for task in removed.iter().take(ROWS) {
                    a href=(attempt_way(&run.head.id, task)) { bdi { (target(task)) } } " (" (task.state) ") "
                }
                @if removed.len() > ROWS { "and " (removed.len() - ROWS) " more" }
            }
        }
    }
}

/// Every task after those it depends on, and those of a group after their group.
fn in_order(dag: &Dag) -> Vec<TaskIx> {
    let outer = dag
        .order()
        .iter()
        .filter(|task| dag.group_of(**task).is_none());
    let with_inside = |task: &TaskIx| {
        let inside = dag.walk(*task).into_iter().filter(|inner| inner != task);
        std::iter::once(*task).chain(inside).collect::<Vec<_>>()
    };
    outer.flat_map(with_inside).collect()
}

/// Tasks and items one by one: those that were asked for.
fn items(web: &Web, run: &RunView, query: &RunQuery) -> Markup {
    let from = query.from.unwrap_or(0);
    let asked = |task: &TaskView| {
        query
            .state
            .as_deref()
            .is_none_or(|state| state == task.state)
            && query.task.as_deref().is_none_or(|name| name == task.task)
    };
    let mut found = run
        .tasks
        .iter()
        .enumerate()
        .skip(from)
        .filter(|(_, task)| asked(task));
    let rows: Vec<&TaskView> = found.by_ref().take(ROWS).map(|(_, task)| task).collect();
    let next = found.next().map(|(at, _)| at);
    html! {
        @if rows.is_empty() { p.quiet { "None." } }
        @else { (table(html! { @for task in &rows { (row(web, run, task)) } })) }
        (pages(run, query, from, next))
    }
}

fn row(web: &Web, run: &RunView, task: &TaskView) -> Markup {
    let (first, last) = (task.attempts.first(), task.attempts.last());
    let error = last.and_then(|last| last.error.as_ref());
    let began = last.map(|last| last.started_at.unwrap_or(last.intended_at));
    html! {
        tr id={ "r-" (task.id) } {
            td { (badge(task.state)) }
            td.name-cell { a href=(attempt_way(&run.head.id, task)) { bdi { (target(task)) } } }
            td.nowrap { @if let Some(first) = first { (time(first.intended_at, web.settings().zone, "%H:%M:%S")) } }
            td.num { @if began.is_some() { (lasted(began, last.and_then(|last| last.ended_at), web.now())) } }
            td.num { @if !task.attempts.is_empty() { (task.attempts.len()) } }
            td {
                @if let Some(error) = error { code.class { (error.class) } " " bdi { (short(&error.message)) } }
                @else if let Some(why) = &task.why { bdi { (short(why)) } }
                @if let Some(by) = &task.marked_by { " marked by " bdi { (by) } }
                @if let Some(at) = task.next_try_at { " · next try at " (time(at, web.settings().zone, "%H:%M:%S")) }
            }
            td { @if task.map_key.is_none() { (near(run, &task.task)) } }
        }
    }
}

/// The way to what is near a task in the graph.
fn near(run: &RunView, task: &str) -> Markup {
    let way = RunQuery {
        near: Some(task.to_owned()),
        ..RunQuery::default()
    }
    .way(&run.head.id, "graph");
    html! { a.near href=(way) aria-label={ "What is near " (task) " in the graph" } title="What is near it in the graph" {
            svg.sign viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" { path d="M8 4.5a3.5 3.5 0 1 0 .01 0M8 1v4M8 11v4M1 8h4M11 8h4" {} }
        }
    }
}

fn pages(run: &RunView, query: &RunQuery, from: usize, next: Option<usize>) -> Markup {
    let at = |from: Option<usize>| {
        RunQuery {
            from,
            ..query.clone()
        }
        .way(&run.head.id, "tasks")
    };
    html! {
        @if from > 0 || next.is_some() {
            p.pages {
                @if from > 0 { a.button href=(at(None)) { "From the beginning" } " " }
                @if next.is_some() { a.button href=(at(next)) { "More" } }
            }
        }
    }
}

/// The first line of a message, and no more of it than a row holds.
fn short(text: &str) -> String {
    const FITS: usize = 160;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= FITS {
        return line.to_owned();
    }
    let kept: String = line.chars().take(FITS).collect();
    format!("{kept}…")
}
