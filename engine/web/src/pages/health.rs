//! How the engine is: who holds the store, what its connections allow, what its pools hold.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_store::Owner;

use super::layout::{Nav, Sheet, Watch};
use super::marks::badge;
use super::times::when;
use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::Problem;
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

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let holder = web.store().holder().await?;
        let sheet = Sheet {
            title: "Health",
            nav: Nav::Health,
            watch: Watch::Everything,
            scripts: &[],
            body: html! {
                h1 { "Health" }
                div id="health" data-live { (engine(&web, holder.as_ref())) }
            },
        };
        Ok(sheet.answer(&web, StatusCode::OK))
    }
}

fn engine(web: &Web, holder: Option<&Owner>) -> Markup {
    let zone = web.settings().zone;
    html! {
        section {
            h2 { "Engine" }
            dl.facts {
                dt { "this server" }
                dd {
                    @match web.stands() {
                        Stand::Engine => (badge("running")),
                        Stand::Standby => (badge("waiting")),
                        Stand::Draining => (badge("cancelling")),
                    }
                }
                dt { "holds the store" }
                dd {
                    @match holder {
                        Some(owner) => { "pid " (owner.pid) " on " (owner.host) " since " (when(owner.since, zone)) }
                        None => "nobody",
                    }
                }
            }
        }
    }
}
