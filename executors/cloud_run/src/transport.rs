//! Sends bytes over HTTP and brings the whole answer back, or says how far it got.
//!
//! Guarantees: one call is one request: no retries, no redirects. A launch has a connection of its own, since one that
//! died while idle would turn it into an unknown launch. Answers are bounded in time and size.

use std::sync::OnceLock;

use chrono::Utc;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, StatusCode};

use crate::credentials::Bearer;
use crate::failure::{CallError, Verb};
use crate::pacing::Pacing;
use crate::refusal::Refusal;

/// More than a page of 100 executions with large environments; an endless body ends here.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// One request, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(crate) verb: Verb,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) body: Option<Vec<u8>>,
}

impl Wire {
    /// A request that only reads.
    pub(crate) fn get(verb: Verb, url: String) -> Self {
        Self {
            verb,
            method: Method::GET,
            url,
            body: None,
        }
    }

    /// A request with a JSON body.
    pub(crate) fn post(verb: Verb, url: String, body: Vec<u8>) -> Self {
        Self {
            verb,
            method: Method::POST,
            url,
            body: Some(body),
        }
    }

    /// What was tried on what, for messages.
    pub(crate) fn call(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// A client that is built when it is first needed: TLS takes longer to set up than most commands take to run.
type Lazy = OnceLock<Result<Client, String>>;

/// The HTTP clients.
#[derive(Debug)]
pub(crate) struct Transport {
    pacing: Pacing,
    /// Keeps connections.
    reading: Lazy,
    /// Opens one for each request.
    launching: Lazy,
    /// For this machine: never through a proxy.
    local: Lazy,
}

impl Transport {
    /// A transport with these times.
    pub(crate) fn new(pacing: Pacing) -> Self {
        Self {
            pacing,
            reading: Lazy::new(),
            launching: Lazy::new(),
            local: Lazy::new(),
        }
    }

    fn client(&self, wire: &Wire) -> Result<&Client, CallError> {
        let plain = || self.plain();
        let own_connection = || plain().pool_max_idle_per_host(0);
        // An endpoint on plain http is on this machine: see `endpoint`.
        let client = match wire.verb {
            _ if wire.url.starts_with("http://") => self
                .local
                .get_or_init(|| built(own_connection().no_proxy())),
            Verb::Launch => self.launching.get_or_init(|| built(own_connection())),
            _ => self.reading.get_or_init(|| built(plain())),
        };
        client.as_ref().map_err(|cause| CallError::NotSent {
            call: wire.call(),
            cause: cause.clone(),
        })
    }

    fn plain(&self) -> ClientBuilder {
        Client::builder()
            .connect_timeout(self.pacing.connect)
            .timeout(self.pacing.answer)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
    }

    /// Sends once; the body of a 2xx answer.
    pub(crate) async fn send(
        &self,
        wire: &Wire,
        bearer: Option<&Bearer>,
    ) -> Result<Vec<u8>, CallError> {
        let mut request = self.client(wire)?.request(wire.method.clone(), &wire.url);
        if let Some(body) = &wire.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, authorization(wire, bearer)?);
            if let Some(project) = &bearer.quota_project {
                request = request.header("x-goog-user-project", project);
            }
        }
        let answer = request.send().await.map_err(|error| failed(wire, &error))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        match whole(answer).await {
            Ok(body) if status.is_success() => Ok(body),
            // The status line says that it was refused: a body that is cut short changes nothing.
            Ok(body) => Err(refused(wire, status, &headers, &body)),
            Err(_) if !status.is_success() => Err(refused(wire, status, &headers, &[])),
            Err(cause) => Err(lost(wire, cause)),
        }
    }
}

fn built(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| causes(&error))
}

fn refused(wire: &Wire, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CallError {
    CallError::Refused {
        call: wire.call(),
        verb: wire.verb,
        refusal: Refusal::read(status, headers, body, Utc::now()),
    }
}

/// The bearer as a header that no log shows.
fn authorization(wire: &Wire, bearer: &Bearer) -> Result<HeaderValue, CallError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", bearer.expose())).map_err(|_| {
            CallError::Credentials {
                call: wire.call(),
                cause: "the token has characters that no header takes".to_owned(),
                lasting: true,
            }
        })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads the whole body, up to the bound.
async fn whole(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BYTES => {
                return Err(format!("it is longer than {MOST_BYTES} bytes"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(causes(&error)),
        }
    }
}

/// Before the connection stood, nothing was sent; after that, nobody knows.
fn failed(wire: &Wire, error: &reqwest::Error) -> CallError {
    if error.is_connect() || error.is_builder() {
        return CallError::NotSent {
            call: wire.call(),
            cause: causes(error),
        };
    }
    lost(wire, causes(error))
}

/// An answer that cannot be used.
pub(crate) fn lost(wire: &Wire, cause: impl Into<String>) -> CallError {
    CallError::Lost {
        call: wire.call(),
        cause: cause.into(),
    }
}

/// An error with what caused it, once each.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
