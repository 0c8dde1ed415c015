//! What every page of a DAG is in: at its top how the DAG stands, its next tick, what can be done, and the other pages.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use noctule_core::view::DagView;

use crate::access::Caller;
use crate::pages::action::{Action, Then, command};
use crate::pages::layout::{Nav, Sheet, Watch};
use crate::pages::marks::badge;
use crate::pages::times::{day_and_clock, when};
use crate::web::Web;

/// The pages of a DAG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Runs by tasks.
    Grid,
    /// What depends on what.
    Graph,
    /// How long, and on which days.
    History,
    /// Runs for past ticks.
    Nights,
    /// What it is, and what it was.
    Definition,
    /// Asking for a run.
    Trigger,
}

const TABS: [(Tab, &str, &str); 6] = [
    (Tab::Grid, "Grid", ""),
    (Tab::Graph, "Graph", "/graph"),
    (Tab::History, "History", "/history"),
    (Tab::Nights, "Nights", "/nights"),
    (Tab::Definition, "Definition", "/definition"),
    (Tab::Trigger, "Trigger", "/trigger"),
];

impl Tab {
    /// What the window is called.
    fn title(self, id: &str) -> String {
        match self {
            Self::Grid => id.to_owned(),
            Self::Graph => format!("{id} graph"),
            Self::History => format!("History of {id}"),
            Self::Nights => format!("Nights of {id}"),
            Self::Definition => format!("Definition of {id}"),
            Self::Trigger => format!("Trigger {id}"),
        }
    }
}

/// One page of a DAG.
pub(crate) struct DagSheet<'a> {
    /// Who looks.
    pub(crate) who: &'a Caller,
    /// How the DAG stands.
    pub(crate) dag: &'a DagView,
    /// Which of its pages.
    pub(crate) tab: Tab,
    /// Scripts that it needs besides the one of every page, by the names of their assets.
    pub(crate) scripts: &'a [&'a str],
    /// What stands below the head.
    pub(crate) below: Markup,
}

impl DagSheet<'_> {
    pub(crate) fn answer(self, web: &Web) -> Response {
        let dag = self.dag;
        let sheet = Sheet {
            who: self.who,
            title: &self.tab.title(&dag.dag),
            nav: Nav::Below,
            watch: Watch::Dag(&dag.dag),
            scripts: self.scripts,
            body: html! { (head(web, dag, self.tab, self.who.may_act())) (self.below) },
        };
        sheet.answer(web, StatusCode::OK)
    }
}

/// The head of a page of a DAG; whoever may not act is offered nothing to do.
fn head(web: &Web, dag: &DagView, tab: Tab, may: bool) -> Markup {
    let id = dag.dag.as_str();
    html! {
        div.dagtop {
        div id="dag" data-live {
            p.crumbs { a href="/" { "Tonight" } " / DAG" }
            div.head { h1 { bdi { (id) } } (badge(dag.state)) (next(web, dag)) }
            @if let Some(said) = &dag.description { p.lead { bdi { (said) } } }
            @if let Some(error) = &dag.error {
                p.notice role="alert" { "Its file cannot be used now; the last good version stays: " bdi { (error) } }
            }
            @if let Some(trouble) = &dag.trouble {
                p.notice role="alert" { "Its trigger makes no runs since " (when(trouble.since, web.settings().zone)) ": " bdi { (trouble.what) } }
            }
            @if let Some(refused) = &dag.refused_ticks {
                p.notice role="alert" { "A tick has no run since " (when(refused.since, web.settings().zone)) ": " bdi { (refused.what) } }
            }
            @if let Some(paused) = &dag.paused {
                p.notice {
                    "Paused by " bdi { (paused.by) } " since " (when(paused.since, web.settings().zone))
                    @if let Some(why) = &paused.reason { ": " bdi { (why) } }
                }
            }
        }
        @if may { (acts(dag)) }
        }
        nav.tabs aria-label={ "Pages of " (id) } {
            @for (one, name, below) in TABS.into_iter().filter(|(one, ..)| may || *one != Tab::Trigger) {
                a href={ "/dags/" (id) (below) } aria-current=[(one == tab).then_some("page")] { (name) }
            }
        }
    }
}

fn next(web: &Web, dag: &DagView) -> Markup {
    html! {
        span.quiet {
            @match (&dag.next, &dag.schedule) {
                (Some(at), _) => { "next " (day_and_clock(*at, web.settings().zone)) },
                (None, Some(_)) => "no next tick",
                (None, None) => "no schedule",
            }
            @if let (Some(cron), Some(zone)) = (&dag.schedule, &dag.timezone) {
                " · " code { (cron.join(" | ")) } " " (zone)
            }
            @if let Some(owner) = &dag.owner { " · " bdi { (owner) } }
            @for tag in &dag.tags { " · #" bdi { (tag) } }
        }
    }
}

/// Pausing, or resuming.
fn acts(dag: &DagView) -> Markup {
    let id = dag.dag.as_str();
    html! {
        details.acts id="acts" data-live {
            @if dag.paused.is_some() {
                summary { "Resume" }
                (Action {
                    label: "Resume",
                    to: &format!("/api/v1/dags/{id}/resume"),
                    fields: html! {
                        label.check { input type="checkbox" name="catchup" data-as="flag"; "with runs for the ticks of the pause" }
                    },
                    preview: false,
                    grave: false,
                    then: Then::Refresh,
                    command: &format!("noctule resume {id}"),
                }.form())
            } @else {
                summary { "Pause" }
                (Action {
                    label: "Pause",
                    to: &format!("/api/v1/dags/{id}/pause"),
                    fields: html! {
                        div.field {
                            label for="why" { "Why (kept with the DAG)" }
                            input id="why" name="reason" type="text" maxlength="1000" autocomplete="off";
                        }
                    },
                    preview: false,
                    grave: false,
                    then: Then::Refresh,
                    command: &format!("noctule pause {id}"),
                }.form())
            }
        }
    }
}

/// What a DAG without any run shows.
pub(crate) fn no_runs(id: &str, may: bool) -> Markup {
    html! {
        section.empty {
            h2 { "No runs yet" }
            @if may {
                p { "Its first tick makes one, or you do: " a href={ "/dags/" (id) "/trigger" } { "trigger a run" } ", or" }
                p { (command(&format!("noctule trigger {id}"))) }
            } @else { p { "Its first tick makes one." } }
        }
    }
}
