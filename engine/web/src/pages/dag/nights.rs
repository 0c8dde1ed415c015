//! The backfills of a DAG: how far each has come and what keeps it, its nights, and the form that asks for one, whose plan
//! is shown before anything is made.

use axum::response::Response;
use maud::{Markup, html};
use noctule_core::name::BackfillId;
use noctule_core::view::{BackfillView, NightView};
use noctule_store::BackfillFilter;
use serde::Deserialize;

use super::frame::{DagSheet, Tab};
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::pages::action::{Action, Then, command, lookers_only, quoted};
use crate::pages::marks::badge;
use crate::pages::times::day_and_clock;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// Backfills that are shown, newest first.
const SHOWN: u32 = 50;
/// Nights that are shown of one.
const NIGHTS: usize = 500;

/// `GET /dags/{dag}/nights`.
pub(crate) struct ShowNights;

/// Whose nights.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NightsQuery {
    /// Of this backfill.
    backfill: Option<String>,
}

impl Operation for ShowNights {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/dags/{dag}/nights";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "nights_page";
    const SUMMARY: &'static str = "The backfills of a DAG, and a form for one";
    const MEDIA: &'static str = "text/html";
    type Query = NightsQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<NightsQuery, Nothing>) -> Result<Response, Problem> {
        let id = call.dag()?;
        let dag = web.dag_view(web.record(&id).await?).await?;
        let filter = BackfillFilter {
            dag: Some(id),
            limit: SHOWN,
            ..BackfillFilter::default()
        };
        let mut backfills = Vec::new();
        for head in web.store().find_backfills(&filter).await? {
            backfills.push(web.backfill_view(&head).await?);
        }
        let open = web.open_nights(&dag.dag, call.query.backfill.as_deref());
        let open = open.await?;
        let may = call.caller.may_act();
        let below = html! {
            div id="nights" data-live data-pause="2000" {
                @if backfills.is_empty() { section.empty { h2 { "No backfills" } p { "A backfill makes runs for past ticks, a few at a time, behind everything else." } } }
                @for backfill in &backfills { (told(&web, backfill, may)) }
                @if let Some((backfill, nights)) = &open { (listed(&web, backfill, nights)) }
            }
            @if may { (form(&dag.dag)) } @else { (lookers_only()) }
        };
        let sheet = DagSheet {
            who: &call.caller,
            dag: &dag,
            tab: Tab::Nights,
            scripts: &[],
            below,
        };
        Ok(sheet.answer(&web))
    }
}

impl Web {
    async fn open_nights(
        &self,
        dag: &str,
        backfill: Option<&str>,
    ) -> Result<Option<(String, Vec<NightView>)>, Problem> {
        let Some(asked) = backfill else {
            return Ok(None);
        };
        let none = || {
            Problem::new(
                Code::NoSuchBackfill,
                format!("there is no backfill {asked}"),
            )
        };
        let id: BackfillId = asked.parse().map_err(|_| none())?;
        let whole = self.nights_view(&id).await?;
        // Of another DAG it is none of this page, nor of whoever may only see this DAG.
        if whole.head.dag != dag {
            return Err(none());
        }
        Ok(Some((whole.head.id, whole.nights)))
    }
}

fn told(web: &Web, backfill: &BackfillView, may: bool) -> Markup {
    let (id, zone) = (backfill.id.as_str(), web.settings().zone);
    let progress = backfill.progress;
    let over = progress.succeeded + progress.failed + progress.left_alone;
    html! {
        section id={ "backfill-" (id) } aria-label={ "Backfill " (id) } {
            div.head {
                h2 { (day_and_clock(backfill.from, zone)) " – " (day_and_clock(backfill.to, zone)) }
                (badge(backfill.state))
                span.quiet { (backfill.only.word()) ", " (backfill.max_parallel) " at once · by " bdi { (backfill.by) } ", " (day_and_clock(backfill.created_at, zone)) }
            }
            p {
                progress max=(progress.nights.max(1)) value=(over) aria-label="Nights that are over" {}
                " " (over) " of " (progress.nights) " over: " (progress.succeeded) " succeeded, " (progress.failed) " failed, "
                (progress.left_alone) " left alone; " (progress.running) " under way, " (progress.waiting) " waiting. "
                a href={ "?backfill=" (id) "#list" } { "Its nights" }
            }
            @if let Some(reason) = &backfill.reason { p.quiet { bdi { (reason) } } }
            @if let Some(waits) = &backfill.waits { p.quiet { "Its next night is not begun now: " (waits) } }
            @if may { (acts(backfill)) }
        }
    }
}

fn acts(backfill: &BackfillView) -> Markup {
    let id = backfill.id.as_str();
    let act = |label, word: &str, grave| {
        Action {
            label,
            to: &format!("/api/v1/backfills/{id}/{word}"),
            fields: html! {},
            preview: false,
            grave,
            then: Then::Refresh,
            command: &format!("noctule backfill {word} {}", quoted(id)),
        }
        .form()
    };
    html! {
        @match backfill.state {
            "running" => { (act("Pause", "pause", false)) (act("Cancel it and its runs", "cancel", true)) }
            "paused" => { (act("Resume", "resume", false)) (act("Cancel it and its runs", "cancel", true)) }
            _ => {}
        }
    }
}

fn listed(web: &Web, id: &str, nights: &[NightView]) -> Markup {
    let zone = web.settings().zone;
    html! {
        section id="list" aria-label={ "Nights of " (id) } {
            h2 { "Nights of " code { (id) } }
            div.scroll { table {
                thead { tr { th scope="col" { "Tick" } th scope="col" { "Ingestion id" } th scope="col" { "State" } th scope="col" { "What it says" } } }
                tbody { @for night in nights.iter().take(NIGHTS) {
                    tr {
                        td.nowrap { (day_and_clock(night.tick, zone)) }
                        td { @match &night.run {
                            Some(run) => { a href={ "/runs/" (run) } { code { (night.ingestion_id) } } },
                            None => { code { (night.ingestion_id) } },
                        } }
                        td { (badge(night.state)) }
                        td { @if let Some(why) = &night.why { bdi { (why) } } }
                    }
                } }
            } }
            @if nights.len() > NIGHTS {
                p { "The first " (NIGHTS) " of " (nights.len()) ". All of them: " (command(&format!("noctule backfill show {}", quoted(id)))) }
            }
        }
    }
}

/// The form; what it would make is shown before anything is made.
fn form(dag: &str) -> Markup {
    let instant = |name: &str, label: &str| {
        html! {
            div.field {
                label for={ "backfill-" (name) } { (label) }
                input id={ "backfill-" (name) } name=(name) type="text" required placeholder="2026-01-13" autocomplete="off" spellcheck="false";
                p.wrong id={ "backfill-" (name) "-wrong" } hidden {}
            }
        }
    };
    html! {
        section aria-labelledby="backfill" {
            h2 id="backfill" { "Backfill" }
            p.quiet { "A date, a date with an hour, an ingestion id, or " code { "-7d" } "; in the DAG's own zone, both ends included." }
            (Action {
                label: "Backfill",
                to: &format!("/api/v1/dags/{dag}/backfills"),
                fields: html! {
                    (instant("from", "From"))
                    (instant("to", "To"))
                    div.field {
                        label for="backfill-only" { "Which ticks" }
                        select id="backfill-only" name="only" {
                            option value="missing" { "those that have no run" }
                            option value="failed" { "those whose run did not succeed" }
                            option value="all" { "all, under the ids that they have" }
                        }
                    }
                    div.field {
                        label for="backfill-max_parallel" { "Runs at once" }
                        input id="backfill-max_parallel" name="max_parallel" type="number" min="1" max="1000" value="1" data-as="json";
                        p.wrong id="backfill-max_parallel-wrong" hidden {}
                    }
                    div.field {
                        label for="backfill-reason" { "Why (kept with the backfill)" }
                        input id="backfill-reason" name="reason" type="text" maxlength="1000" autocomplete="off";
                    }
                },
                preview: true,
                grave: false,
                then: Then::Refresh,
                command: &format!("noctule backfill {dag} --from FROM --to TO --dry-run"),
            }.form())
        }
    }
}
