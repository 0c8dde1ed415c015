//! The frame of every page: head, navigation, the badge that says whether the page is live, and the policy it leaves with.
//!
//! An element with `data-live` and an id is brought up to date in place when something happens that the page watches;
//! nothing is inserted or taken away under a pointer or a cursor.

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};

use super::assets::address;
use crate::access::Caller;
use crate::web::{Stand, Web};

/// What a page may do in a browser: load what this server has, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types noctule";

/// Where in the navigation a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nav {
    /// All DAGs on one time line.
    Tonight,
    /// Below one of them.
    Below,
    /// How the engine is.
    Health,
}

/// What brings a page up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch<'a> {
    /// Whatever happens.
    Everything,
    /// Runs of this DAG.
    Dag(&'a str),
    /// This run.
    Run(&'a str),
    /// Nothing: it never changes, or there is nothing to see.
    Nothing,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Sheet<'a> {
    /// Who looks.
    pub(crate) who: &'a Caller,
    /// What the window is called.
    pub(crate) title: &'a str,
    /// Where it stands.
    pub(crate) nav: Nav,
    /// What brings it up to date.
    pub(crate) watch: Watch<'a>,
    /// Scripts that it needs besides the one of every page, by the names of their assets.
    pub(crate) scripts: &'a [&'a str],
    /// What stands in it.
    pub(crate) body: Markup,
}

impl Watch<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Everything => "all",
            Self::Dag(_) => "dag",
            Self::Run(_) => "run",
            Self::Nothing => "nothing",
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::Dag(id) | Self::Run(id) => Some(id),
            Self::Everything | Self::Nothing => None,
        }
    }
}

impl Sheet<'_> {
    /// The page as it is sent.
    pub(crate) fn answer(self, web: &Web, status: StatusCode) -> Response {
        let mut response = Response::new(Body::from(self.whole(web).into_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let of = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, of("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, of(POLICY));
        response
    }

    fn whole(self, web: &Web) -> Markup {
        let known = self.who.role().is_some();
        html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body data-watch=(self.watch.kind()) data-of=[self.watch.id()] data-zone=[known.then(|| web.settings().zone.name())] data-stand=(stand(web)) {
                    a.skip href="#main" { "Skip to the content" }
                    (bar(web, self.nav, self.who))
                    div id="stand" data-live {
                        @if known && web.stands() != Stand::Engine { (not_the_engine(web)) }
                    }
                    main id="main" tabindex="-1" { (self.body) }
                    div.pill id="held" hidden {
                        button type="button" { "Something new: show it" }
                    }
                    div.unseen id="word" role="status" aria-live="polite" {}
                }
            }
        }
    }

    fn head(&self) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (self.title) " · Noctule" }
                link rel="icon" type="image/svg+xml" href=(address("icon.svg"));
                link rel="stylesheet" href=(address("noctule.css"));
                // Before anything is painted, so that nothing flashes in the wrong colours.
                script src=(address("theme.js")) {}
                script src=(address("noctule.js")) defer {}
                script src=(address("roving.js")) defer {}
                @for script in self.scripts { script src=(address(script)) defer {} }
            }
        }
    }
}

/// Whoever is not known is told nothing of the project here, either.
fn bar(web: &Web, nav: Nav, who: &Caller) -> Markup {
    let here = |of| (nav == of).then_some("page");
    html! {
        header.bar {
            a.name href="/" { img src=(address("icon.svg")) width="22" height="22" alt=""; "Noctule" }
            nav aria-label="Pages" {
                a href="/" aria-current=[here(Nav::Tonight)] { "Tonight" }
                a href="/health" aria-current=[here(Nav::Health)] { "Health" }
            }
            @if who.role().is_some() {
                span.about title="The profile of the store, and the zone of all times" {
                    (web.settings().profile) " · " (web.settings().zone.name())
                }
            }
            @if who.is_logged_in() {
                button.logout id="logout" type="button" title="End this session" { "Log out " bdi { (who.name()) } }
            }
            span.stream id="stream" role="status" data-state="opening" { span.dot {} span.word { "connecting" } }
            button.theme id="theme" type="button" aria-label="Colours: as the system says" title="Light, dark, or as the system says" {
                "◐"
            }
        }
    }
}

/// Whether events come from here, for the script of every page.
fn stand(web: &Web) -> &'static str {
    match web.stands() {
        Stand::Standby => "standby",
        Stand::Engine | Stand::Draining => "engine",
    }
}

fn not_the_engine(web: &Web) -> Markup {
    let said = match web.stands() {
        Stand::Draining => "This engine is ending: it starts nothing new.",
        Stand::Standby | Stand::Engine => {
            "This server stands by: another engine holds the store, or none does yet. This page is looked at again every ten seconds."
        }
    };
    html! { p.notice role="status" { (said) " " a href="/health" { "Health" } } }
}
