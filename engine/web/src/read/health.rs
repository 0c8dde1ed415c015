//! Whether the process lives, and whether its engine runs. Public: says nothing else.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::access::Need;
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::Problem;
use crate::web::{Stand, Web};

/// `GET /healthz`.
pub(crate) struct Health;

/// `GET /readyz`.
pub(crate) struct Readiness;

impl Operation for Health {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/healthz";
    const NEED: Need = Need::Public;
    const NAME: &'static str = "health";
    const SUMMARY: &'static str = "Whether the process lives";
    const STATUSES: &'static [(u16, &'static str)] = &[(200, "it lives")];
    const MEDIA: &'static str = "text/plain";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(_: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        Ok(text(StatusCode::OK, "ok\n"))
    }
}

impl Operation for Readiness {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/readyz";
    const NEED: Need = Need::Public;
    const NAME: &'static str = "readiness";
    const SUMMARY: &'static str = "Whether the engine runs, and takes what it is asked";
    const STATUSES: &'static [(u16, &'static str)] = &[
        (200, "it runs"),
        (503, "it stands by for another one, or is ending"),
    ];
    const MEDIA: &'static str = "text/plain";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, _: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        Ok(match web.stands() {
            Stand::Engine => text(StatusCode::OK, "ready\n"),
            Stand::Standby => text(StatusCode::SERVICE_UNAVAILABLE, "standby\n"),
            Stand::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        })
    }
}

fn text(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
