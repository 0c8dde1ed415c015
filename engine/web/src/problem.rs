//! What is said when a request is not done: a problem document (RFC 9457) with a stable code.
//!
//! Guarantees: every code stands in one enum with its status; programs decide by the code, people read the detail.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use noctule_core::ask::Refusal;
use noctule_runtime::RuntimeError;
use noctule_store::StoreError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:ident, $title:literal;)*) => {
        /// Why a request was not done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as programs read it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The status that goes with it.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The code in words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request cannot be understood as HTTP.
    Malformed = "malformed_request", BAD_REQUEST, "the request cannot be understood";
    /// A parameter is unknown or does not fit.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "a parameter does not fit";
    /// The body is no JSON, has an unknown field or a value of another type.
    InvalidBody = "invalid_body", BAD_REQUEST, "the body does not fit";
    /// Who asks is not known.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "a token is needed";
    /// Who asks may not do this.
    Forbidden = "forbidden", FORBIDDEN, "not allowed";
    /// The `Host` is none of this server.
    HostNotAllowed = "host_not_allowed", FORBIDDEN, "this server is not known by that name";
    /// Another site asks through a browser.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, "another site may not ask";
    /// The login did not succeed.
    LoginRefused = "login_refused", FORBIDDEN, "the login did not succeed";
    /// There is no such address.
    NoSuchRoute = "no_such_route", NOT_FOUND, "there is no such address";
    /// There is no such DAG.
    NoSuchDag = "no_such_dag", NOT_FOUND, "there is no such DAG";
    /// The DAG has no such version.
    NoSuchVersion = "no_such_version", NOT_FOUND, "the DAG has no such version";
    /// There is no such run.
    NoSuchRun = "no_such_run", NOT_FOUND, "there is no such run";
    /// There is no such backfill.
    NoSuchBackfill = "no_such_backfill", NOT_FOUND, "there is no such backfill";
    /// The run has no such task.
    NoSuchTask = "no_such_task", NOT_FOUND, "the run has no such task";
    /// There is no such token.
    NoSuchToken = "no_such_token", NOT_FOUND, "there is no such token";
    /// There is no such message.
    NoSuchDelivery = "no_such_delivery", NOT_FOUND, "there is no such message";
    /// There is no such session.
    NoSuchSession = "no_such_session", NOT_FOUND, "there is no such session";
    /// Another token has this name.
    NameTaken = "name_taken", CONFLICT, "another token has this name";
    /// The task has no such attempt.
    NoSuchAttempt = "no_such_attempt", NOT_FOUND, "the task has no such attempt";
    /// What an act names is not there any more.
    NotFound = "not_found", NOT_FOUND, "there is no such thing";
    /// The address is there, for other methods.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "not by this method";
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout", REQUEST_TIMEOUT, "the body did not arrive in time";
    /// It goes against how things stand.
    Conflict = "conflict", CONFLICT, "this goes against how things stand";
    /// The run is over already.
    RunIsOver = "run_is_over", CONFLICT, "the run is over";
    /// The run is under way still.
    RunIsLive = "run_is_live", CONFLICT, "the run is under way";
    /// Nothing of the run failed.
    NothingFailed = "nothing_failed", CONFLICT, "nothing failed";
    /// The run has no place in the latest definition of its DAG.
    DefinitionDoesNotFit = "definition_does_not_fit", CONFLICT, "the latest definition does not fit the run";
    /// The idempotency key made a run with other parameters.
    KeyTaken = "idempotency_key_taken", CONFLICT, "the idempotency key made another run";
    /// The body is too large.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "the body is too large";
    /// The body is not plain JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "the body must be application/json";
    /// The values themselves are wrong.
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "a value is wrong";
    /// Something failed here.
    Internal = "internal", INTERNAL_SERVER_ERROR, "something failed here";
    /// The provider of logins cannot be asked now.
    LoginUnavailable = "login_unavailable", BAD_GATEWAY, "the provider of logins cannot be asked now";
    /// The log cannot be read now.
    LogUnavailable = "log_unavailable", BAD_GATEWAY, "the log cannot be read now";
    /// No engine can do it now.
    EngineUnavailable = "engine_unavailable", SERVICE_UNAVAILABLE, "no engine can do it now";
    /// The store cannot be used now.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "the store cannot be used now";
    /// Too many clients listen already.
    TooManyStreams = "too_many_streams", SERVICE_UNAVAILABLE, "too many clients listen already";
    /// It took too long.
    TookTooLong = "took_too_long", GATEWAY_TIMEOUT, "it took too long";
}

/// A request that was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    /// What would be allowed, of `method_not_allowed`.
    pub(crate) allow: Option<&'static str>,
}

/// A problem as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument {
    /// The code, as a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// A stable word for programs.
    #[schemars(schema_with = "code_schema")]
    pub code: String,
    /// What was wrong with this request, for people.
    pub detail: String,
}

fn code_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let all: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    schemars::json_schema!({ "type": "string", "enum": all })
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            allow: None,
        }
    }

    /// What an engine refused.
    pub(crate) fn refused(kind: Refusal, message: String) -> Self {
        let code = match kind {
            Refusal::Invalid => Code::Invalid,
            Refusal::NotFound => Code::NotFound,
            Refusal::Conflict => Code::Conflict,
            Refusal::Expired => Code::EngineUnavailable,
            // It was decided and is not durable yet: the engine keeps trying.
            Refusal::Unreachable => Code::TookTooLong,
        };
        Self::new(code, message)
    }

    fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:noctule:problem:{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
        }
    }
}

impl From<StoreError> for Problem {
    /// What the store says goes to the log: it names files of the machine.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed in the store");
        Self::new(
            Code::StoreUnavailable,
            "the store cannot be used now; the log of the engine says why",
        )
    }
}

impl From<RuntimeError> for Problem {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Store(error) => error.into(),
            error => Self::new(Code::EngineUnavailable, error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        let of = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, of("application/problem+json"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, of(allow));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, of("Bearer"));
        }
        if self.code.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, of("5"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn each_code_is_another_word_and_an_error() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|code| { code.status().is_client_error() || code.status().is_server_error() })
        );
    }
}
