//! How the engine is: who holds the store, what its connections allow, what its pools hold, what waits to be told.
//!
//! Guarantees: of a connection nothing is shown but its name, its kind and its rates.

mod load;
mod told;

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_store::{Owner, Role as OwnerRole};

use self::load::Load;
use super::action::command;
use super::layout::{Nav, Sheet, Watch};
use super::marks::badge;
use super::times::when;
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::Problem;
use crate::read::HealthView;
use crate::web::{Stand, Web};

/// `GET /health`.
pub(crate) struct ShowHealth;

impl Operation for ShowHealth {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/health";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "health_page";
    const SUMMARY: &'static str = "How the engine is";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let holder = web.store().holder().await?;
        let load = Load::of(&web).await?;
        let standing = HealthView::of(&web).await?;
        let body = html! {
            h1 { "Health" }
            div id="health" data-live data-pause="5000" {
                (engine(&web, holder.as_ref()))
                (told::unwritten(&standing))
                (slots(&web, &load))
                (connections(&load))
                (told::outbox(&standing.outbox, web.settings().zone))
                (told::listeners(&standing))
                (store(&web))
                (files(&load))
            }
        };
        let sheet = Sheet {
            who: &call.caller,
            title: "Health",
            nav: Nav::Health,
            watch: Watch::Everything,
            scripts: &[],
            body,
        };
        Ok(sheet.answer(&web, StatusCode::OK))
    }
}

fn engine(web: &Web, holder: Option<&Owner>) -> Markup {
    let zone = web.settings().zone;
    let stands = match web.stands() {
        Stand::Engine => ("running", "it is the engine, and takes what it is asked"),
        Stand::Standby => ("waiting", "it stands by, and passes on what it is asked"),
        Stand::Draining => ("cancelling", "it is ending, and starts nothing new"),
    };
    html! {
        section {
            h2 { "Engines" }
            dl.facts {
                dt { "this server" } dd { (badge(stands.0)) " " (stands.1) }
                dt { "holds the store" }
                dd { @match holder {
                    Some(owner) => (self::owner(owner, zone)),
                    None => { (badge("failed")) " nobody: nothing is scheduled. " (command("noctule serve")) }
                } }
                @if web.store().is_shared() {
                    dt { "taking over" }
                    dd { "any other engine on this database stands by, and takes over once the holder is silent" }
                }
                dt { "version" } dd { (env!("CARGO_PKG_VERSION")) }
            }
        }
    }
}

fn owner(owner: &Owner, zone: chrono_tz::Tz) -> Markup {
    let role = match owner.role {
        OwnerRole::Serve => "noctule serve",
        OwnerRole::Run => "noctule run",
    };
    html! {
        @if owner.pid == 0 { "one that has not said its name yet" }
        @else {
            code { (role) } ", pid " (owner.pid) " on " bdi { (owner.host) } ", since " (when(owner.since, zone))
            @if let Some(listen) = &owner.listen { ", listening at " code { (listen) } }
        }
    }
}

/// A share as a bar with its numbers: held of all.
fn gauge(name: &str, held: u64, all: Option<u64>) -> Markup {
    html! {
        tr {
            th scope="row" { bdi { (name) } }
            td.num { (held) }
            td.num { @match all { Some(all) => (all), None => "–" } }
            td.gauge { @if let Some(all) = all {
                meter min="0" max=(all.max(1)) value=(held) aria-label={ "Held of " (name) } { (held) " of " (all) }
            } }
        }
    }
}

fn slots(web: &Web, load: &Load) -> Markup {
    let all = u64::try_from(web.settings().slots).unwrap_or(u64::MAX);
    html! {
        section {
            h2 { "Slots and pools" }
            p.quiet { "Runs under way: " (load.runs) ". Tasks that wait for a slot: " (load.ready) "." }
            div.scroll { table {
                thead { tr { th scope="col" { "Pool" } th.num scope="col" { "Held" } th.num scope="col" { "Size" } th scope="col" { span.unseen { "Share" } } } }
                tbody {
                    (gauge("slots of the engine", load.held, Some(all)))
                    @for (name, pool) in &load.pools { (gauge(name, pool.held, pool.size)) }
                }
            } }
        }
    }
}

fn connections(load: &Load) -> Markup {
    html! {
        section {
            h2 { "Connections" }
            @match &load.connections {
                None => { p.quiet { "Only the engine itself knows them; this server is not it." } },
                Some(known) if known.is_empty() => { p.quiet { "The project has none." } },
                Some(known) => { div.scroll { table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "Launches" } th scope="col" { "Polls" } th.num scope="col" { "Under way" } } }
                    tbody { @for one in known { tr {
                        th scope="row" { bdi { (one.name) } }
                        td { (one.kind) }
                        td.mono { (one.launch.as_deref().unwrap_or("no limit")) }
                        td.mono { (one.poll.as_deref().unwrap_or("no limit")) }
                        td.num { (one.held) }
                    } } }
                } } },
            }
        }
    }
}

fn store(web: &Web) -> Markup {
    let store = web.store();
    html! {
        section {
            h2 { "Store" }
            dl.facts {
                dt { "kind" } dd { @if store.is_shared() { "Postgres" } @else { "SQLite, a file of one machine" } }
                dt { "place" } dd { code { (store.place()) } }
                dt { "id" } dd { code { (store.id()) } }
                dt { "profile" } dd { (web.settings().profile) }
                dt { "to check it" } dd { (command("noctule doctor")) }
            }
        }
    }
}

fn files(load: &Load) -> Markup {
    html! {
        section {
            h2 { "DAG files" }
            p { "Known: " (load.dags) ", of them paused: " (load.paused) "." }
            @if !load.broken.is_empty() {
                ul { @for (dag, why) in &load.broken { li {
                    (badge("broken")) " " a href={ "/dags/" (dag) } { bdi { (dag) } } ": " bdi { (why) }
                } } }
            }
        }
    }
}
