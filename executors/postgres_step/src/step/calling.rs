//! One HTTP call that starts a step. Its answer says at most that the work was surely not taken.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use noctule_executor::{Context, Entry, ErrorClass, ExecutorError, SecretRef};

use super::check::address;
use super::document::CallDocument;
use crate::error::cause;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(30);
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How a call went.
#[derive(Debug)]
pub(crate) enum Called {
    /// The service says that it took the work.
    Taken,
    /// It refuses the work: not taken, unless the row says otherwise.
    Refused(ExecutorError),
    /// Nobody knows.
    Lost(String),
}

/// A call that is ready to be sent: every reference is looked up.
pub(crate) struct Call {
    request: reqwest::RequestBuilder,
    expect: Option<Vec<u16>>,
    name: String,
}

impl Call {
    pub(crate) async fn of(
        context: &Context,
        document: &CallDocument,
    ) -> Result<Self, ExecutorError> {
        let config = |message: String| ExecutorError::rejected(ErrorClass::Config, message);
        let url = value(context, &document.url).await?;
        let secret_url = matches!(document.url, Entry::Secret(_));
        let url = address(url.expose_secret()).map_err(|message| match secret_url {
            true => config("the secret `url` is no http or https address".to_owned()),
            false => config(message),
        })?;
        let method = Method::from_bytes(document.method.as_bytes())
            .map_err(|_| config(format!("{:?} is no method", document.method)))?;
        let shown = match secret_url {
            true => "a secret url".to_owned(),
            false => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        };
        let client = Client::builder()
            .user_agent(concat!("noctule/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(document.timeout.map_or(ANSWER, |span| span.0))
            .tcp_keepalive(KEEP_ALIVE)
            // On a fresh connection, one that failed surely sent nothing.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| config(format!("no client can be made: {}", cause(&error))))?;
        let mut request = client
            .request(method, url)
            .headers(headers(context, document).await?);
        if let Some(json) = &document.json {
            request = request.json(&filled(context, json).await?);
        }
        Ok(Self {
            request,
            expect: document.expect.clone(),
            name: format!("{} {shown}", document.method),
        })
    }

    /// Sends it, once.
    pub(crate) async fn send(self) -> Called {
        let name = self.name;
        let response = match self.request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                let message = format!("{name}: could not connect: {}", cause(&error));
                return Called::Refused(ExecutorError::unavailable(message));
            }
            Err(error) => return Called::Lost(format!("{name}: {}", cause(&error))),
        };
        let status = response.status().as_u16();
        let taken = match &self.expect {
            Some(expect) => expect.contains(&status),
            None => (200..300).contains(&status),
        };
        if taken {
            return Called::Taken;
        }
        let message = format!("{name} was answered {status}");
        let rejected = |class| Called::Refused(ExecutorError::rejected(class, message.clone()));
        match status {
            429 => Called::Refused(ExecutorError::Throttled {
                retry_after: retry_after(&response),
                message,
            }),
            401 | 403 => rejected(ErrorClass::Permission),
            404 | 410 => rejected(ErrorClass::NotFound),
            // It may know this key already, or have failed half-way.
            408 | 409 | 425 | 500.. => Called::Lost(message),
            _ => rejected(ErrorClass::Config),
        }
    }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

async fn value(context: &Context, entry: &Entry) -> Result<SecretString, ExecutorError> {
    match entry {
        Entry::Plain(text) => Ok(SecretString::from(text.as_str())),
        Entry::Secret(secret) => context.secrets.resolve(secret).await,
    }
}

async fn headers(context: &Context, document: &CallDocument) -> Result<HeaderMap, ExecutorError> {
    let mut headers = HeaderMap::new();
    for (name, entry) in &document.headers {
        let invalid = |what: &str| {
            let message = format!("header {name:?}: {what}");
            ExecutorError::rejected(ErrorClass::Config, message)
        };
        let typed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("no name"))?;
        let value = value(context, entry).await?;
        let mut value =
            HeaderValue::from_str(value.expose_secret()).map_err(|_| invalid("no header value"))?;
        value.set_sensitive(matches!(entry, Entry::Secret(_)));
        headers.insert(typed, value);
    }
    Ok(headers)
}

/// The body with its secrets in place.
async fn filled(context: &Context, json: &Value) -> Result<Value, ExecutorError> {
    Ok(match json {
        Value::Object(table) => {
            if let (1, Some(Value::String(name))) = (table.len(), table.get("secret")) {
                let secret = SecretRef {
                    secret: name.clone(),
                };
                let value = context.secrets.resolve(&secret).await?;
                return Ok(Value::String(value.expose_secret().to_owned()));
            }
            let mut filled_table = serde_json::Map::new();
            for (key, value) in table {
                let value = Box::pin(filled(context, value)).await?;
                filled_table.insert(key.clone(), value);
            }
            Value::Object(filled_table)
        }
        Value::Array(items) => {
            let mut filled_items = Vec::new();
            for item in items {
                filled_items.push(Box::pin(filled(context, item)).await?);
            }
            Value::Array(filled_items)
        }
        other => other.clone(),
    })
}
