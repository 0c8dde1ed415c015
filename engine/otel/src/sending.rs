//! One request to the receiver, within a bounded time, and what its answer means. No redirect is followed.

use std::time::Duration;

use noctule_core::trace::Span;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::destination::Destination;
use crate::error::OtelError;
use crate::otlp;

/// A connection that takes longer is none.
const CONNECT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What became of a request.
pub(crate) enum Fate {
    /// It was taken, but for so many of its spans.
    Taken { refused: Option<(u64, String)> },
    /// It will never be taken.
    Refused(String),
    /// It may be taken later.
    Later {
        why: String,
        after: Option<Duration>,
    },
}

pub(crate) struct Sender {
    client: Client,
    destination: Destination,
}

impl Sender {
    pub(crate) fn new(destination: Destination, limit: Duration) -> Result<Self, OtelError> {
        let client = Client::builder()
            .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(limit)
            .build();
        let client = client.map_err(|error| OtelError::Client(plain(error)))?;
        Ok(Self {
            client,
            destination,
        })
    }

    pub(crate) async fn send(&self, spans: impl Iterator<Item = &Span>) -> Fate {
        let body = otlp::body(&self.destination.resource, spans).to_string();
        let request = self.client.post(self.destination.url.clone());
        let request = request
            .headers(self.destination.headers.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        match request.send().await {
            Ok(answer) => judged(answer).await,
            Err(error) => Fate::Later {
                why: plain(error),
                after: None,
            },
        }
    }
}

/// As OTLP says: these four may be taken later, all else that is no success is refused.
async fn judged(answer: Response) -> Fate {
    let status = answer.status();
    if status.is_success() {
        return Fate::Taken {
            refused: otlp::rejected(&read(answer).await),
        };
    }
    let why = format!("it answered {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = answer.headers().get(RETRY_AFTER);
            let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Fate::Later {
                why,
                after: after.map(Duration::from_secs),
            }
        }
        _ => Fate::Refused(why),
    }
}

async fn read(mut answer: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_ANSWER {
            break;
        }
    }
    bytes
}

/// The error and its causes, without the address: there may be a credential in it.
fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
