//! The run over time: a bar a task with its phases, and the chain of tasks that made it as long as it is.
//!
//! A phase is told by the height of its bar and by its pattern, not by colour alone.

use std::collections::BTreeSet;

use maud::{Markup, html};
use noctule_core::run::Instant;
use noctule_core::timeline::{Bar, Phase, Row, Span, Step, Timeline};
use noctule_core::view::RunView;

use super::bad::target;
use super::ways::attempt_way;
use crate::pages::marks::{mark, words};
use crate::pages::times::{span, time};
use crate::web::Web;

/// Rows of the chart.
const ROWS: usize = 60;
/// The width of the chart in its own units.
const WIDE: i64 = 10_000;
/// Instants below the chart.
const MARKS: i32 = 4;

pub(super) fn section(web: &Web, run: &RunView, chart: &Timeline, steps: &[Step]) -> Markup {
    let critical: BTreeSet<usize> = steps.iter().map(|step| step.task).collect();
    let rows = shown(chart, &critical);
    html! {
        section id="times" {
            h2 { "Times" }
            div id="chart" data-live {
                @if rows.is_empty() { p.quiet { "Nothing of this round was attempted yet." } }
                @else {
                    (path(run, steps))
                    ul.legend aria-label="Phases" {
                        @for phase in [Phase::Queued, Phase::Launching, Phase::Running] {
                            li { svg.gantt viewBox="0 0 20 16" width="20" height="16" aria-hidden="true" { (rect(phase, 0, 20, "running")) } (phase.word()) }
                        }
                        li { b { "◆" } " on the critical path" }
                    }
                    div.chart {
                        @for row in &rows { (line(run, chart, row, critical.contains(&row.task))) }
                        (axis(web, chart))
                    }
                    @if rows.len() < chart.rows.len() {
                        p.quiet { (chart.rows.len() - rows.len()) " more tasks; shown are the critical path and what took longest." }
                    }
                }
            }
        }
    }
}

/// The rows that fit: those of the critical path, and the longest.
fn shown<'a>(chart: &'a Timeline, critical: &BTreeSet<usize>) -> Vec<&'a Row> {
    let mut ranked: Vec<(bool, i64, usize)> = chart
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| (critical.contains(&row.task), length(row), at))
        .collect();
    ranked.sort_by_key(|(critical, length, at)| (!critical, -length, *at));
    let mut kept: Vec<usize> = ranked.into_iter().take(ROWS).map(|(.., at)| at).collect();
    kept.sort_unstable();
    kept.into_iter().map(|at| &chart.rows[at]).collect()
}

fn length(row: &Row) -> i64 {
    let spans = row.bars.iter().flat_map(|bar| &bar.spans);
    spans
        .map(|span| (span.to - span.from).num_milliseconds())
        .sum()
}

/// The critical path in words.
fn path(run: &RunView, steps: &[Step]) -> Markup {
    let Some(last) = steps.last() else {
        return html! {};
    };
    let waited: chrono::TimeDelta = steps.iter().map(|step| step.waited).sum();
    html! {
        p.path {
            b { @if last.ended.is_some() { "Critical path" } @else { "Critical path so far" } } ": "
            @for (at, step) in steps.iter().enumerate() {
                @let task = &run.tasks[step.task];
                @if at > 0 { span.quiet { " → " } }
                a href=(attempt_way(&run.head.id, task)) { bdi { (target(task)) } }
                " " span.quiet {
                    @if let Some(ended) = step.ended { (span(ended - step.began)) } @else { "under way" }
                    @if step.attempts > 1 { ", " (step.attempts) " tries" }
                }
            }
            span.quiet { ". Of it waited: " (span(waited)) "." }
        }
    }
}

fn line(run: &RunView, chart: &Timeline, row: &Row, critical: bool) -> Markup {
    let task = &run.tasks[row.task];
    let name = target(task);
    html! {
        div.gantt-row id={ "g-" (task.id) } {
            a.gantt-name href=(attempt_way(&run.head.id, task)) title=(name) {
                @if critical { b title="on the critical path" { "◆ " } span.unseen { "on the critical path: " } }
                bdi { (name) }
            }
            svg.gantt viewBox={ "0 0 " (WIDE) " 16" } preserveAspectRatio="none" height="16" role="img" aria-label=(heard(row)) {
                @for bar in &row.bars { @for span in &bar.spans { (piece(chart, bar, *span)) } }
            }
            span.gantt-took { (span(chrono::TimeDelta::milliseconds(length(row)))) }
        }
    }
}

/// A row for those who hear it.
fn heard(row: &Row) -> String {
    let told = |bar: &Bar| {
        let spans = bar
            .spans
            .iter()
            .map(|part| format!("{} {}", part.phase.word(), span(part.to - part.from)));
        let spans: Vec<String> = spans.collect();
        match bar.attempt {
            Some(number) => format!(
                "attempt {number}: {}, {}",
                spans.join(", "),
                words(bar.state)
            ),
            None => format!("waits: {}", spans.join(", ")),
        }
    };
    row.bars.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn piece(chart: &Timeline, bar: &Bar, span: Span) -> Markup {
    let (from, to) = (place(chart, span.from), place(chart, span.to));
    // What was short is still to be seen.
    rect(span.phase, from, (to - from).max(WIDE / 400), bar.state)
}

/// Where an instant stands in the chart.
fn place(chart: &Timeline, at: Instant) -> i64 {
    let whole = (chart.to - chart.from).num_milliseconds().max(1);
    let part = (at - chart.from).num_milliseconds().clamp(0, whole);
    // Milliseconds of a century fit ten thousand times.
    part.saturating_mul(WIDE) / whole
}

fn rect(phase: Phase, x: i64, width: i64, state: &str) -> Markup {
    let (y, height) = match phase {
        Phase::Queued => (7, 2),
        Phase::Launching => (4, 8),
        Phase::Running => (1, 14),
    };
    let (tone, _) = mark(state);
    html! { rect class={ "p-" (phase.word()) " " (tone.class()) } x=(x) y=(y) width=(width) height=(height) { title { (phase.word()) } } }
}

fn axis(web: &Web, chart: &Timeline) -> Markup {
    let (zone, whole) = (web.settings().zone, chart.to - chart.from);
    let form = if whole.num_hours() >= 20 {
        "%a %H:%M"
    } else if whole.num_minutes() >= 10 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    html! {
        div.gantt-row.axis {
            span.gantt-name { "" }
            span.gantt-axis {
                @for mark in 0..=MARKS { (time(chart.from + whole * mark / MARKS, zone, form)) }
            }
            span.gantt-took { (span(whole)) }
        }
    }
}
