//! What can be done about a run or a task: each asks the API, shows first what it would touch, and stands beside the
//! command that does the same.

use maud::{Markup, html};
use noctule_core::view::RunView;

use crate::pages::action::{Action, Then, quoted};

/// What can be done about a run as it stands.
pub(super) fn of_run(run: &RunView) -> Markup {
    let id = run.head.id.as_str();
    let over = run.head.ended_at.is_some();
    html! {
        div.acts id="acts" data-live {
            @if over {
                details.act-box id="act-retry" data-keep { summary { "Retry" } (retry(id)) }
            } @else {
                details.act-box id="act-cancel" data-keep { summary { "Cancel" } (cancel(id)) }
            }
        }
    }
}

fn why(of: &str) -> Markup {
    html! {
        div.field {
            label for={ "why-" (of) } { "Why (kept with the run)" }
            input id={ "why-" (of) } name="reason" type="text" maxlength="1000" autocomplete="off";
            p.wrong id={ "why-" (of) "-wrong" } hidden {}
        }
    }
}

fn retry(id: &str) -> Markup {
    let command = format!("noctule retry {}", quoted(id));
    Action {
        label: "Retry what failed",
        to: &format!("/api/v1/runs/{id}/retry"),
        fields: html! {
            p { "What failed begins anew, and what follows it, in a new round." }
            label.check { input type="checkbox" name="all" data-as="flag"; "every task, also those that succeeded" }
            div.field {
                label for="retry-definition" { "Definition of the DAG" }
                select id="retry-definition" name="definition" {
                    option value="pinned" { "the one that the run has" }
                    option value="latest" { "the latest one" }
                }
            }
            (why("retry"))
        },
        preview: true,
        grave: false,
        then: Then::Refresh,
        command: &command,
    }
    .form()
}

fn cancel(id: &str) -> Markup {
    let command = format!("noctule cancel {}", quoted(id));
    Action {
        label: "Cancel the run",
        to: &format!("/api/v1/runs/{id}/cancel"),
        fields: html! { p { "Its work is stopped, and its end awaited." } (why("cancel")) },
        preview: true,
        grave: true,
        then: Then::Refresh,
        command: &command,
    }
    .form()
}

/// A task and everything after it, once more.
pub(crate) fn retry_from(run: &str, target: &str) -> Markup {
    let command = format!(
        "noctule retry {} --task {} --downstream",
        quoted(run),
        quoted(target)
    );
    Action {
        label: "Retry from here",
        to: &format!("/api/v1/runs/{run}/retry"),
        fields: html! {
            input type="hidden" name="tasks" data-as="list" value=(target);
            label.check { input type="checkbox" name="downstream" data-as="flag" checked; "and everything after it" }
        },
        preview: true,
        grave: false,
        then: Then::Refresh,
        command: &command,
    }
    .form()
}

/// Saying by hand how a task ended.
pub(crate) fn mark(run: &str, id: &str, target: &str) -> Markup {
    let command = format!("noctule mark {} {} succeeded", quoted(run), quoted(target));
    Action {
        label: "Mark",
        to: &format!("/api/v1/task-runs/{id}/mark"),
        fields: html! {
            div.field {
                label for="mark-as" { "It counts as" }
                select id="mark-as" name="state" {
                    option value="succeeded" { "succeeded" }
                    option value="failed" { "failed" }
                    option value="skipped" { "skipped" }
                }
            }
            label.check { input type="checkbox" name="leave_running" data-as="flag"; "let running work be, instead of stopping it first" }
            (why("mark"))
        },
        preview: true,
        grave: true,
        then: Then::Refresh,
        command: &command,
    }
    .form()
}
