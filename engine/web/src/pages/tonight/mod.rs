//! *Tonight*: every DAG on one time line, a day back and a day ahead, with what is late, under way, or failed.

mod lane;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_core::tonight::{Due, Night};

use self::lane::{axis, lane};
use super::action::command;
use super::layout::{Nav, Sheet, Watch};
use super::marks::{badge, sign};
use super::times::{day_and_clock, lasted};
use crate::access::{Need, Role, Scoped};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::Problem;
use crate::web::Web;

/// Coming ticks in the list below the time line.
const COMING: usize = 12;
/// Runs in one of the lists at the top.
const LISTED: usize = 8;

/// `GET /`.
pub(crate) struct ShowTonight;

impl Operation for ShowTonight {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/";
    const NEED: Need = Need::Role(Role::Viewer);
    const SCOPED: Scoped = Scoped::Filtered;
    const NAME: &'static str = "tonight_page";
    const SUMMARY: &'static str = "All DAGs on one time line";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let night = web.night(call.caller.limits()).await?;
        let body = html! {
            h1.unseen { "Tonight" }
            div id="tonight" data-live {
                @if night.lanes.is_empty() { (newcomer()) }
                @else { (cards(&web, &night)) (line(&web, &night)) (coming(&web, &night)) }
            }
        };
        let sheet = Sheet {
            who: &call.caller,
            title: "Tonight",
            nav: Nav::Tonight,
            watch: Watch::Everything,
            scripts: &[],
            body,
        };
        Ok(sheet.answer(&web, StatusCode::OK))
    }
}

fn newcomer() -> Markup {
    html! {
        section.empty {
            h2 { "No DAG yet" }
            p { "A DAG is a file in " code { "dags/" } ". This is a whole one; save it as " code { "dags/hello.toml" } ":" }
            pre { "id = \"hello\"\n\n[tasks.greet]\nexecutor = \"process\"\nwith = { command = [\"echo\", \"hello\"] }\n" }
            p { "Then let it be checked and read, and ask for a run:" }
            p { (command("noctule check")) }
            p { (command("noctule reload")) }
            p { (command("noctule trigger hello --wait")) }
        }
    }
}

fn cards(web: &Web, night: &Night) -> Markup {
    let zone = web.settings().zone;
    html! {
        div.cards {
            section.card.bad[!night.failed.is_empty()] id="failed" {
                h2 { (sign("failed")) "Failed " span.count { (night.failed.len()) } }
                @if night.failed.is_empty() { p.quiet { "Nothing of the last 24 hours stands failed." } }
                ul { @for run in night.failed.iter().take(LISTED) { li id={ "f-" (run.id) } {
                    a href={ "/runs/" (run.id) } { bdi { (run.dag) } " " span.mono { (run.ingestion_id) } }
                    " " @if run.state != "failed" { (badge(run.state)) " " }
                    @if let Some(at) = run.ended_at { span.quiet { (day_and_clock(at, zone)) } }
                } } }
                (more(night.failed.len()))
            }
            (late(web, night))
            @if !night.needs.is_empty() { (needs(web, night)) }
            section.card.busy[!night.live.is_empty()] id="running" {
                h2 { (sign("running")) "Under way " span.count { (night.live.len()) } }
                @if night.live.is_empty() { p.quiet { "Nothing runs now." } }
                ul { @for run in night.live.iter().take(LISTED) { li id={ "u-" (run.id) } {
                    a href={ "/runs/" (run.id) } { bdi { (run.dag) } " " span.mono { (run.ingestion_id) } }
                    " " @if run.state != "running" { (badge(run.state)) " " }
                    span.quiet { (lasted(run.started_at, run.ended_at, night.now)) }
                    @if let Some(due) = ahead(night, &run.id) { " " span.quiet { "to end by " (day_and_clock(due.by, zone)) } }
                } } }
                (more(night.live.len()))
            }
        }
    }
}

/// Ticks that nobody decided about, and runs that are past the time by which they were to end.
fn late(web: &Web, night: &Night) -> Markup {
    let zone = web.settings().zone;
    let overdue: Vec<&Due> = night.overdue().collect();
    let all = night.late.len() + overdue.len();
    html! {
        section.card.warn[all > 0] id="late" {
            h2 { (sign("late")) "Late " span.count { (all) } }
            @if all == 0 { p.quiet { "Every tick that has passed has its run, and no run is past the time by which it is to end." } }
            ul {
                @for (dag, tick) in night.late.iter().take(LISTED) { li id={ "l-" (dag) } {
                    a href={ "/dags/" (dag) } { bdi { (dag) } } " " span.quiet { "due " (day_and_clock(*tick, zone)) }
                } }
                @for due in overdue.iter().take(LISTED.saturating_sub(night.late.len())) { li id={ "o-" (due.run.id) } {
                    a href={ "/runs/" (due.run.id) } { bdi { (due.run.dag) } " " span.mono { (due.run.ingestion_id) } }
                    " " span.quiet { "was to end by " (day_and_clock(due.by, zone)) ", " (lasted(Some(due.by), None, night.now)) " ago" }
                } }
            }
            (more(all))
        }
    }
}

/// By when a run is to end that still has time.
fn ahead<'a>(night: &'a Night, run: &str) -> Option<&'a Due> {
    let ahead = |due: &&Due| due.run.id == run && due.past(night.now).is_none();
    night.due.iter().find(ahead)
}

/// What goes on only once a person acts.
fn needs(web: &Web, night: &Night) -> Markup {
    let zone = web.settings().zone;
    html! {
        section.card.bad id="needs" {
            h2 { (sign("late")) "Wants a person " span.count { (night.needs.len()) } }
            ul { @for need in night.needs.iter().take(LISTED) { li {
                @match &need.run {
                    Some(run) => a href={ "/runs/" (run) } {
                        bdi { (need.dag) } @if let Some(task) = &need.task { " " bdi { (task) } }
                    },
                    None => a href={ "/dags/" (need.dag) } { bdi { (need.dag) } },
                }
                " " (badge(need.why)) " " span.quiet { bdi { (need.text) }
                    @if let Some(since) = need.since { ", since " (day_and_clock(since, zone)) } }
            } } }
            (more(night.needs.len()))
        }
    }
}

fn more(all: usize) -> Markup {
    html! { @if all > LISTED { p.quiet { "and " (all - LISTED) " more on the time line" } } }
}

fn line(web: &Web, night: &Night) -> Markup {
    html! {
        section.night aria-labelledby="line-title" {
            h2 id="line-title" { "Last night and the next" }
            @if night.cut { p.quiet { "More runs than can be drawn: of the past 24 hours the newest are shown." } }
            div.lanes {
                div.lane.axis { span {} (axis(night, web.settings().zone)) span {} }
                @for one in &night.lanes {
                    div.lane id={ "d-" (one.dag.dag) } {
                        div.who {
                            a href={ "/dags/" (one.dag.dag) } { bdi { (one.dag.dag) } }
                            @if let Some(word) = one.tone() { " " (badge(word)) }
                        }
                        (lane(night, one))
                        div.soon {
                            @match (&one.dag.next, one.ticks.first()) {
                                (Some(at), tick) => {
                                    (day_and_clock(*at, web.settings().zone))
                                    @if let Some(id) = tick.and_then(|tick| tick.ingestion_id.as_ref()) { " " span.mono.quiet { (id) } }
                                },
                                (None, _) => { span.quiet { "no next tick" } },
                            }
                        }
                    }
                }
            }
        }
    }
}

fn coming(web: &Web, night: &Night) -> Markup {
    let zone = web.settings().zone;
    html! {
        section aria-labelledby="next-title" {
            h2 id="next-title" { "Next ticks" }
            @let next = night.coming(COMING);
            @if next.is_empty() { p.quiet { "No DAG has a tick in the next 24 hours." } }
            @else {
                div.scroll { table {
                    thead { tr { th scope="col" { "When" } th scope="col" { "DAG" } th scope="col" { "Ingestion id" } th scope="col" { "Remark" } } }
                    tbody { @for (dag, tick) in next {
                        tr id={ "n-" (dag) "-" (tick.utc.timestamp()) } {
                            td.nowrap { (day_and_clock(tick.utc, zone)) }
                            td { a href={ "/dags/" (dag) } { bdi { (dag) } } }
                            td.mono { (tick.ingestion_id.as_deref().unwrap_or("–")) }
                            td.quiet { (tick.remark.as_deref().unwrap_or("")) }
                        }
                    } }
                } }
            }
        }
    }
}
