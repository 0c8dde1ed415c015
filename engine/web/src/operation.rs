//! One operation of the API: its address, who may, what it takes and gives, and what it does.
//!
//! Router, role check and OpenAPI document are made from the same constants and types, so they cannot tell different
//! stories. A handler never sees a raw text where a name is meant.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::view::TaskRunId;
use noctule_store::AuditEvent;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::access::{Caller, Need, Scoped};
use crate::audit::named;
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The methods that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    /// Look; `HEAD` too.
    Get,
    /// Act. Takes a body.
    Post,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Something that can be asked for.
pub(crate) trait Operation: 'static {
    /// Its method.
    const VERB: Verb;
    /// Its address.
    const PATH: &'static str;
    /// Who may.
    const NEED: Need;
    /// How it keeps to the DAGs that a caller is limited to.
    const SCOPED: Scoped = Scoped::ByPath;
    /// Its name in the document.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Statuses of success, with what each means.
    const STATUSES: &'static [(u16, &'static str)] = &[(200, "done")];
    /// What it gives.
    const MEDIA: &'static str = "application/json";
    /// How long it may take.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// The most bytes of a body.
    const BODY_LIMIT: usize = 64 * 1024;
    /// Whether an empty form of a page will do, too.
    const FORM: bool = false;
    /// Its query.
    type Query: DeserializeOwned + JsonSchema + Send;
    /// Its body; of a `GET` there is none.
    type Body: DeserializeOwned + JsonSchema + Send;
    /// Its answer, where that is JSON.
    type Answer: JsonSchema;

    /// Whether it only tells what it would do.
    fn rehearses(_: &Self::Query) -> bool {
        false
    }

    /// What it is about besides what its path names, for the audit event.
    fn about(_: &Self::Body) -> Option<String> {
        None
    }

    /// Does it.
    fn answer(
        web: Web,
        call: Call<Self::Query, Self::Body>,
    ) -> impl Future<Output = Result<Response, Problem>> + Send;
}

/// No parameter, no field.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// A request that passed the gate.
pub(crate) struct RawCall {
    pub(crate) caller: Caller,
    /// The address that it came from.
    pub(crate) from: Option<IpAddr>,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) path: BTreeMap<&'static str, String>,
    pub(crate) body: Bytes,
}

/// A request as its operation takes it.
pub(crate) struct Call<Q, B> {
    pub(crate) caller: Caller,
    /// The address that it came from.
    pub(crate) from: Option<IpAddr>,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Q,
    pub(crate) body: B,
    path: BTreeMap<&'static str, String>,
}

/// What a request becomes.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// An operation without its types.
pub(crate) struct Endpoint {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
    pub(crate) scoped: Scoped,
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) statuses: &'static [(u16, &'static str)],
    pub(crate) media: &'static str,
    pub(crate) patience: Duration,
    pub(crate) body_limit: usize,
    pub(crate) form: bool,
    pub(crate) query: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) body: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) given: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) answer: fn(Web, RawCall) -> Answering,
}

impl Endpoint {
    /// Whether it is for people with a browser, and no part of the API.
    pub(crate) fn is_page(&self) -> bool {
        self.media == "text/html" || self.path.starts_with("/assets/")
    }
}

/// The endpoint of an operation.
pub(crate) const fn endpoint<O: Operation>() -> Endpoint {
    Endpoint {
        verb: O::VERB,
        path: O::PATH,
        need: O::NEED,
        scoped: O::SCOPED,
        name: O::NAME,
        summary: O::SUMMARY,
        statuses: O::STATUSES,
        media: O::MEDIA,
        patience: O::PATIENCE,
        body_limit: O::BODY_LIMIT,
        form: O::FORM,
        query: |generator| generator.subschema_for::<O::Query>(),
        body: |generator| generator.subschema_for::<O::Body>(),
        given: |generator| generator.subschema_for::<O::Answer>(),
        answer: |web, raw| Box::pin(answer::<O>(web, raw)),
    }
}

async fn answer<O: Operation>(web: Web, raw: RawCall) -> Result<Response, Problem> {
    let Query(query) = Query::<O::Query>::try_from_uri(&raw.uri).map_err(|rejection| {
        let said = rejection.body_text();
        let said = said
            .rsplit_once("query string: ")
            .map_or(said.as_str(), |(_, why)| why);
        Problem::new(Code::InvalidParameter, said)
    })?;
    let empty: &[u8] = b"{}";
    let bytes = if raw.body.is_empty() {
        empty
    } else {
        &raw.body
    };
    let body = object(bytes).map_err(|said| Problem::new(Code::InvalidBody, said))?;
    let call = Call {
        caller: raw.caller,
        from: raw.from,
        headers: raw.headers,
        query,
        body,
        path: raw.path,
    };
    if O::VERB == Verb::Get || O::rehearses(&call.query) {
        return O::answer(web, call).await;
    }
    let event = AuditEvent {
        at: web.now(),
        by: call.caller.actor(),
        from: raw.from.map(|from| from.to_canonical().to_string()),
        act: O::NAME.to_owned(),
        on: on(named(&call.path), O::about(&call.body)),
    };
    web.clone().audited(event, O::answer(web, call)).await
}

/// What an audit event is about: what the path names, and what the body says besides.
fn on(path: Option<String>, body: Option<String>) -> Option<String> {
    match (path, body) {
        (Some(path), Some(body)) => Some(format!("{path}; {body}")),
        (path, body) => path.or(body),
    }
}

/// A body is one object: a list in the order of the fields is none, though serde would take it.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("the body is one JSON object".to_owned());
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

impl<Q, B> Call<Q, B> {
    fn part<T: FromStr>(&self, name: &str, code: Code) -> Result<T, Problem> {
        let text = self.text(name);
        text.parse().map_err(|_| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
            Problem::new(code, format!("`{shown}` names none"))
        })
    }

    /// A parameter of the path as it is.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    pub(crate) fn dag(&self) -> Result<DagId, Problem> {
        self.part("dag", Code::NoSuchDag)
    }

    pub(crate) fn run(&self) -> Result<RunId, Problem> {
        self.part("run", Code::NoSuchRun)
    }

    pub(crate) fn backfill(&self) -> Result<BackfillId, Problem> {
        self.part("backfill", Code::NoSuchBackfill)
    }

    pub(crate) fn task_run(&self) -> Result<TaskRunId, Problem> {
        self.part("id", Code::NoSuchTask)
    }

    pub(crate) fn attempt(&self) -> Result<u32, Problem> {
        self.part("n", Code::NoSuchAttempt)
    }

    /// The short name of a token.
    pub(crate) fn token(&self) -> &str {
        self.path.get("token").map_or("", String::as_str)
    }

    /// The short name of a session.
    pub(crate) fn session(&self) -> &str {
        self.path.get("session").map_or("", String::as_str)
    }

    pub(crate) fn version(&self) -> Result<noctule_core::name::DagHash, Problem> {
        self.part("hash", Code::NoSuchVersion)
    }
}

/// An answer in JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// An answer in JSON, as things are.
pub(crate) fn found<T: Serialize>(value: &T) -> Result<Response, Problem> {
    json(StatusCode::OK, value)
}

/// The same, saying where the thing is.
pub(crate) fn located(mut response: Response, path: &str) -> Response {
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}
