//! Posting a body, once, within a bounded time. No redirect is followed, and no more of an answer is read than its status.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::error::NotifyError;
use crate::signing::{Signature, sign};
use crate::target::PublicOnly;

/// A connection that takes longer is none.
const CONNECT: Duration = Duration::from_secs(5);

/// A client; a guarded one reaches public addresses alone.
pub(crate) fn client(guarded: bool, limit: Duration) -> Result<Client, NotifyError> {
    let mut builder = Client::builder()
        .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .timeout(limit)
        .pool_max_idle_per_host(0);
    if guarded {
        // A proxy would resolve the name by itself.
        builder = builder.no_proxy().dns_resolver(Arc::new(PublicOnly));
    }
    builder
        .build()
        .map_err(|error| NotifyError::Unreached(format!("no client can be made: {}", plain(error))))
}

/// What is posted.
pub(crate) struct Posted<'a> {
    pub(crate) url: Url,
    pub(crate) id: &'a str,
    pub(crate) body: Vec<u8>,
    /// The secret that signs it, and the seconds since 1970.
    pub(crate) signed: Option<(&'a str, i64)>,
}

pub(crate) async fn post(client: &Client, posted: Posted<'_>) -> Result<(), NotifyError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match posted.signed {
        Some((secret, seconds)) => {
            let Signature {
                id,
                timestamp,
                signature,
            } = sign(secret, posted.id, seconds, &posted.body);
            add(&mut headers, "webhook-id", &id);
            add(&mut headers, "webhook-timestamp", &timestamp);
            add(&mut headers, "webhook-signature", &signature);
        }
        None => add(&mut headers, "webhook-id", posted.id),
    }
    let sent = client.post(posted.url).headers(headers).body(posted.body);
    let answer = sent
        .send()
        .await
        .map_err(|error| NotifyError::Unreached(format!("nobody took it: {}", plain(error))))?;
    judge(answer.status(), answer.headers())
}

fn add(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// 2xx is taken. What the receiver will say again however often it is asked is given up: it is gone, or cannot read us.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), NotifyError> {
    if status.is_success() {
        return Ok(());
    }
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Err(NotifyError::Refused(status.to_string())),
        _ => {
            let after = headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let after = after.and_then(|text| text.trim().parse().ok());
            Err(NotifyError::Busy {
                status: status.as_u16(),
                after: after.map(Duration::from_secs),
            })
        }
    }
}

/// The error and its causes, without the address: it may be a secret.
pub(crate) fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
