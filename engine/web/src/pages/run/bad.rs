//! What somebody who was woken wants to see first: what failed and why, or what it waits for.

use maud::{Markup, html};
use noctule_core::name::TaskTarget;
use noctule_core::view::{ReasonView, RunView, TaskRunId, TaskView};

use super::acts::retry_from;
use super::ways::{RunQuery, attempt_way};
use crate::known::Story;
use crate::pages::marks::badge;
use crate::pages::times::when;
use crate::problem::Problem;
use crate::read::reasons;
use crate::web::Web;

/// Failed tasks that are told one by one.
const TOLD: usize = 5;
/// Reasons that are told one by one.
const REASONS: usize = 12;

/// A task as the API and the command line name it.
pub(crate) fn target(task: &TaskView) -> String {
    let id = task.id.parse::<TaskRunId>().map(|id| id.target);
    id.map_or_else(
        |_| task.task.clone(),
        |target: TaskTarget| target.to_string(),
    )
}

/// The section; empty where all is well.
pub(super) async fn bad(
    web: &Web,
    story: &Story,
    run: &RunView,
    may: bool,
) -> Result<Markup, Problem> {
    let is_bad = |task: &&TaskView| !task.removed && matches!(task.state, "failed" | "timed_out");
    let failed: Vec<&TaskView> = run.tasks.iter().filter(is_bad).collect();
    let over = run.head.ended_at.is_some();
    let waits = if over {
        Vec::new()
    } else {
        reasons(web, story, None).await?.items
    };
    Ok(html! {
        div id="bad" data-live {
            @if !failed.is_empty() {
                section.alarm id="failed" {
                    h2 { @if failed.len() == 1 { "1 task failed" } @else { (failed.len()) " tasks failed" } }
                    @for task in failed.iter().take(TOLD) { (told(run, task, over && may)) }
                    @if failed.len() > TOLD {
                        p { a href=(RunQuery { state: Some("failed".to_owned()), ..RunQuery::default() }.way(&run.head.id, "tasks")) {
                            "All that failed"
                        } }
                    }
                }
            }
            @if !waits.is_empty() {
                section id="waits" {
                    h2 { "What it waits for" }
                    (reasons_list(web, &waits))
                }
            }
        }
    })
}

/// One failed task: its cause, the way to its log, and what to do.
fn told(run: &RunView, task: &TaskView, again: bool) -> Markup {
    let error = task.attempts.last().and_then(|last| last.error.as_ref());
    html! {
        div.failed id={ "bad-" (task.id) } {
            p {
                (badge(task.state)) " "
                a.strong href=(attempt_way(&run.head.id, task)) { bdi { (target(task)) } }
                @if let Some(error) = error { " " code.class { (error.class) } " " bdi.said-by { (error.message) } }
                @else if let Some(why) = &task.why { " " bdi { (why) } }
            }
            @if again {
                details id={ "again-" (task.id) } data-keep {
                    summary { "Retry from here" span.unseen { ": " (target(task)) } }
                    (retry_from(&run.head.id, &target(task)))
                }
            }
        }
    }
}

/// Gates, with since when and what comes next.
pub(crate) fn reasons_list(web: &Web, waits: &[ReasonView]) -> Markup {
    let zone = web.settings().zone;
    html! {
        ul.reasons {
            @for why in waits.iter().take(REASONS) {
                li {
                    bdi { (why.text) }
                    @if let Some(since) = why.since { span.quiet { " since " (when(since, zone)) } }
                    @if let Some(next) = &why.next { div.quiet { bdi { (next) } @if let Some(at) = why.next_at { " at " (when(at, zone)) } } }
                }
            }
            @if waits.len() > REASONS { li.quiet { "and " (waits.len() - REASONS) " more" } }
        }
    }
}
