//! The one function that every request passes, whatever it asks for and however it came.
//!
//! In this order: the name it was sent to and the site behind it, the operation, the caller's right, the DAGs that they are
//! limited to, the body, the time.
//! Only then is an operation called. Every response leaves with headers that let no browser make anything of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

use crate::access::{Caller, Means, Need, Role, decide};
use crate::compressed::{TakesGzip, compressed};
use crate::knowing::LONG;
use crate::login::sends_to_login;
use crate::operation::{Endpoint, RawCall, Verb};
use crate::pages::{page_of, wants_page};
use crate::problem::{Code, Problem};
use crate::scope;
use crate::table::{self, TABLE};
use crate::web::Web;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(15);

/// What a program sends that acts with a session.
const ASKED: HeaderName = HeaderName::from_static("noctule-request");

const STAMPS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox",
    ),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Where a request came from; put there by the server, never by the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    pub(crate) fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

/// The router: every address leads to the gate, known or not.
pub(crate) fn router(web: Web) -> Router {
    let mut paths: Vec<&'static str> = TABLE.iter().map(|endpoint| endpoint.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let all = paths
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, any(enter)));
    all.fallback(enter).with_state(web)
}

async fn enter(State(web): State<Web>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let accept = parts.headers.get(ACCEPT);
    let wants_page = wants_page(&parts.method, &parts.uri, accept);
    let login = sends_to_login(&web, &parts);
    let gzip = TakesGzip::of(&parts.method, &parts.headers);
    let mut who = Caller::Stranger;
    let mut response = match pass(web.clone(), parts, body, &mut who).await {
        Err(problem) if problem.code == Code::Unauthenticated && login.is_some() => {
            login.unwrap_or_else(|| problem.into_response())
        }
        Ok(response) => response,
        Err(problem) if wants_page => page_of(&web, &who, problem),
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in STAMPS {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    compressed(gzip, response).await
}

async fn pass(web: Web, parts: Parts, body: Body, who: &mut Caller) -> Result<Response, Problem> {
    let found = operation(&parts);
    let need = match &found {
        Ok(endpoint) => endpoint.need,
        // Whether an address exists is nobody's business either.
        Err(_) => Need::Role(Role::Viewer),
    };
    if need != Need::Public {
        // Probes ask by whatever address they have, and learn nothing.
        web.names().admit(&parts)?;
    }
    let from = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let caller = match need {
        // What is public is so without the store, too.
        Need::Public | Need::Anybody => Caller::Stranger,
        Need::Role(_) => web.caller(&parts).await?,
    };
    who.clone_from(&caller);
    if let Err(problem) = decide(need, &caller) {
        if problem.code == Code::Unauthenticated {
            web.access().refused(web.now(), from, &problem.detail);
        }
        return Err(problem);
    }
    admit_change(&caller, &parts)?;
    let endpoint = found?;
    let path = parameters(endpoint.path, parts.uri.path())?;
    scope::admit(&web, endpoint, &caller, &path).await?;
    let body = receive(endpoint, &parts, body).await?;
    let lasting = endpoint.verb == Verb::Get && matches!(caller, Caller::Known(_));
    let again = lasting.then(|| (web.clone(), caller.clone(), Instant::now()));
    let call = RawCall {
        caller,
        from,
        uri: parts.uri,
        headers: parts.headers,
        path,
        body,
    };
    let done = tokio::time::timeout(endpoint.patience, (endpoint.answer)(web, call));
    let done = done.await.unwrap_or_else(|_| {
        Err(Problem::new(
            Code::TookTooLong,
            "no answer in time; what was asked for may still be done",
        ))
    });
    if let Some((web, caller, begun)) = again
        && begun.elapsed() >= LONG
        && !web.is_still(&caller).await
    {
        let said = "what you showed does not count any more";
        return Err(Problem::new(Code::Unauthenticated, said));
    }
    done
}

/// A browser sends its session with whatever a page has it send. So a change by a session is asked for by a page of ours,
/// which the browser says itself, or with a header that no other site can make it send.
fn admit_change(caller: &Caller, parts: &Parts) -> Result<(), Problem> {
    let by_session = matches!(caller, Caller::Known(known) if known.by == Means::Session);
    if !by_session || parts.method != Method::POST {
        return Ok(());
    }
    // Another origin was refused before.
    let own = parts.headers.contains_key(ORIGIN)
        || parts.headers.contains_key(ASKED)
        || parts
            .headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin");
    if own {
        return Ok(());
    }
    Err(Problem::new(
        Code::OriginNotAllowed,
        "a change by a session needs an Origin of this server, or the header Noctule-Request",
    ))
}

fn operation(parts: &Parts) -> Result<&'static Endpoint, Problem> {
    let path = parts
        .extensions
        .get::<MatchedPath>()
        .ok_or_else(|| Problem::new(Code::NoSuchRoute, "this address is none of the API"))?;
    table::find(path.as_str(), parts.method.as_str()).ok_or_else(|| {
        let allow = table::allowed(path.as_str());
        Problem {
            allow: Some(allow),
            ..Problem::new(
                Code::MethodNotAllowed,
                format!("this address takes {allow}"),
            )
        }
    })
}

/// The parameters of a path, each decoded once.
fn parameters(
    pattern: &'static str,
    path: &str,
) -> Result<BTreeMap<&'static str, String>, Problem> {
    let name = |part: &'static str| part.strip_prefix('{')?.strip_suffix('}');
    let decoded = |(part, text): (&'static str, &str)| {
        let name = name(part)?;
        let text = percent_decode_str(text).decode_utf8();
        Some(
            text.map(|text| (name, text.into_owned()))
                .map_err(|_| Problem::new(Code::Malformed, format!("{name}: this is no UTF-8"))),
        )
    };
    pattern
        .split('/')
        .zip(path.split('/'))
        .filter_map(decoded)
        .collect()
}

/// The body, if it is one that the operation takes.
async fn receive(endpoint: &Endpoint, parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    let limit = match endpoint.verb {
        Verb::Get => 0,
        Verb::Post => endpoint.body_limit,
    };
    let too_large = || {
        let said = match endpoint.verb {
            Verb::Get => "a GET takes no body".to_owned(),
            Verb::Post => format!("the body of this request has at most {limit} bytes"),
        };
        Problem::new(Code::BodyTooLarge, said)
    };
    if announced(&parts.headers).is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    if parts.method == Method::POST && !(endpoint.form && is_empty(&parts.headers)) {
        check_type(&parts.headers)?;
    }
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Code::Malformed, "the body broke off")),
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            "the body did not arrive in time",
        )),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_empty(headers: &HeaderMap) -> bool {
    announced(headers).unwrap_or(0) == 0 && !headers.contains_key(TRANSFER_ENCODING)
}

/// JSON as it is, or no body at all.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let wrong = |said: &str| Err(Problem::new(Code::UnsupportedMediaType, said));
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return wrong("a body is sent as it is, without Content-Encoding");
    }
    match headers.get(CONTENT_TYPE).map(HeaderValue::to_str) {
        None if is_empty(headers) => Ok(()),
        Some(Ok(kind)) if is_json(kind) => Ok(()),
        _ => wrong("the body is sent as Content-Type: application/json"),
    }
}

fn is_json(kind: &str) -> bool {
    let (essence, charset) = match kind.split_once(';') {
        Some((essence, rest)) => (essence, Some(rest.trim())),
        None => (kind, None),
    };
    essence.trim().eq_ignore_ascii_case("application/json")
        && charset.is_none_or(|charset| charset.eq_ignore_ascii_case("charset=utf-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_once() {
        let read = |path| parameters("/api/v1/runs/{run}/events", path);
        for (path, run) in [
            ("/api/v1/runs/a/events", "a"),
            ("/api/v1/runs/%2e%2e/events", ".."),
            ("/api/v1/runs/%252e/events", "%2e"),
            ("/api/v1/runs/a%2Fb/events", "a/b"),
            ("/api/v1/runs/%00/events", "\0"),
        ] {
            assert_eq!(read(path).unwrap()["run"], run, "{path}");
        }
        assert!(read("/api/v1/runs/%ff/events").is_err());
    }

    #[test]
    fn only_json_as_it_is_is_a_body() {
        for (kind, json) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=utf-16", false),
            ("application/jsonx", false),
            ("text/plain", false),
            ("text/plain, application/json", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            assert_eq!(is_json(kind), json, "{kind}");
        }
    }
}
