//! A problem as a person sees it: the same code and the same words as in the document, in a page.

use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::layout::{Nav, Sheet, Watch};
use crate::access::Caller;
use crate::problem::Problem;
use crate::web::Web;

/// Whether a browser asks, on behalf of somebody who will look at the answer.
pub(crate) fn wants_page(method: &Method, address: &Uri, accept: Option<&HeaderValue>) -> bool {
    let looks = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| {
            accept
                .split(',')
                .any(|kind| kind.trim().starts_with("text/html"))
        });
    let is_page = !["/api/", "/assets/"]
        .iter()
        .any(|below| address.path().starts_with(below));
    (method == Method::GET || method == Method::HEAD) && looks && is_page
}

/// What somebody sees who has ended their session.
pub(crate) fn logged_out(web: &Web, who: &Caller) -> Response {
    let body = html! {
        h1 { "Logged out" }
        p.lead { "The session of this browser is over here. At the provider of logins you may still be logged in." }
        @if web.access().provider.is_some() { p { a href="/login" { "Log in" } } }
        @else { p { a href="/" { "To Tonight" } } }
    };
    let sheet = Sheet {
        who,
        title: "Logged out",
        nav: Nav::Below,
        watch: Watch::Nothing,
        scripts: &[],
        body,
    };
    sheet.answer(web, StatusCode::OK)
}

/// A problem in a page, with the status and the headers of its document.
pub(crate) fn page_of(web: &Web, who: &Caller, problem: Problem) -> Response {
    let status = problem.code.status();
    let body = html! {
        h1 { (problem.code.title()) }
        p.lead { (problem.detail) }
        p.quiet { (status.as_u16()) " · " code { (problem.code.as_str()) } }
        p { a href="/" { "To Tonight" } }
    };
    let sheet = Sheet {
        who,
        title: problem.code.title(),
        nav: Nav::Below,
        watch: Watch::Nothing,
        scripts: &[],
        body,
    };
    let mut page = sheet.answer(web, status);
    let plain = problem.into_response();
    for (name, value) in plain.headers() {
        if !page.headers().contains_key(name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}
