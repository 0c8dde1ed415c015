//! The request as it is printed, stored and sent: made of configuration and connection, without any secret's value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use noctule_executor::{Attempt, Connection, Entry, Problem, Request, Text};

use crate::auth::Auth;
use crate::config::{HttpConfig, PollConfig, Settings};
use crate::header::{self, IDEMPOTENCY_KEY, SESSION, TRACEPARENT};
use crate::target;

/// The canonical document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) method: String,
    pub(crate) url: Entry,
    /// All headers but for authentication.
    pub(crate) headers: BTreeMap<String, Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<Auth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    pub(crate) expect: Vec<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) private_targets: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<PollConfig>,
}

impl Document {
    /// The document of an attempt.
    pub(crate) fn of(
        attempt: &Attempt<HttpConfig>,
        connection: Option<&Connection>,
    ) -> Result<Self, Problem> {
        let config = &attempt.config;
        let (url, settings) = place(config, connection)?;
        let mut headers = headers(config)?;
        let key = Text(attempt.key.as_str().to_owned());
        headers.insert(IDEMPOTENCY_KEY.to_owned(), Entry::Plain(key));
        if let Some(session) = &config.session {
            headers.insert(SESSION.to_owned(), Entry::Plain(session.clone()));
        }
        if let Some(traceparent) = &attempt.traceparent {
            // A task that names a trace of its own keeps it.
            headers
                .entry(TRACEPARENT.to_owned())
                .or_insert_with(|| plain(traceparent));
        }
        let auth = config.auth.clone().or(settings.auth);
        Ok(Self {
            method: config.method().to_owned(),
            url,
            headers,
            json: config.json.clone(),
            body: config.body.clone(),
            auth: auth.filter(|auth| *auth != Auth::None),
            audience: settings.audience,
            expect: config.expect(),
            private_targets: settings.private_targets,
            poll: config.poll.clone(),
        })
    }

    pub(crate) fn request(&self) -> Result<Request, Problem> {
        serde_json::to_value(self)
            .map(Request)
            .map_err(|error| Problem::at([], error.to_string()))
    }

    /// The session that the call is for.
    pub(crate) fn session(&self) -> Option<&str> {
        self.headers.get(SESSION).and_then(Entry::plain)
    }

    /// Reads a stored document.
    pub(crate) fn read(request: &Request) -> Result<Self, String> {
        serde_json::from_value(request.0.clone())
            .map_err(|error| format!("the stored request cannot be read: {error}"))
    }
}

/// The address, and the settings of the connection that go with it.
///
/// Credentials of a connection go to its own origin alone. A connection that the task does not name and whose origin
/// is another one has nothing to do with the call.
fn place(
    config: &HttpConfig,
    connection: Option<&Connection>,
) -> Result<(Entry, Settings), Problem> {
    let settings = connection.map(Settings::of).transpose()?;
    let named = config.connection.is_some();
    let Entry::Plain(Text(text)) = &config.url else {
        let settings = settings.filter(|settings| named && settings.base_url.is_none());
        return Ok((config.url.clone(), settings.unwrap_or_default()));
    };
    let base = settings.as_ref().and_then(|s| s.base_url.as_deref());
    if target::is_path(text) {
        let base = base.ok_or_else(|| {
            Problem::at(
                ["url"],
                "`url` is a path, and no connection has a `base_url`",
            )
            .help("Write the whole address, or name a connection of kind `http`.")
        })?;
        let url = target::below(base, text).map_err(target::problem)?;
        return Ok((plain(url.as_str()), settings.unwrap_or_default()));
    }
    let url = target::absolute(text).map_err(target::problem)?;
    let same_origin = match base {
        Some(base) => target::absolute(base).is_ok_and(|base| base.origin() == url.origin()),
        None => named,
    };
    if named && !same_origin {
        return Err(Problem::at(
            ["url"],
            "`url` is of another origin than the `base_url` of its connection",
        ));
    }
    let settings = settings.filter(|_| same_origin).unwrap_or_default();
    Ok((plain(url.as_str()), settings))
}

fn plain(text: &str) -> Entry {
    Entry::Plain(Text(text.to_owned()))
}

fn headers(config: &HttpConfig) -> Result<BTreeMap<String, Entry>, Problem> {
    let mut headers = checked(&config.headers, &["headers"])?;
    if let Some(poll) = &config.poll {
        checked(&poll.headers, &["poll", "headers"])?;
    }
    if config.json.is_some() {
        headers
            .entry("content-type".to_owned())
            .or_insert_with(|| plain("application/json"));
    }
    Ok(headers)
}

fn checked(
    headers: &BTreeMap<String, Entry>,
    path: &[&str],
) -> Result<BTreeMap<String, Entry>, Problem> {
    let mut checked = BTreeMap::new();
    for (name, entry) in headers {
        let at = |message| Problem::at(path.iter().copied().chain([name.as_str()]), message);
        let typed = header::name(name).map_err(at)?;
        if let Some(text) = entry.plain() {
            drop(header::value(text).map_err(at)?);
        }
        checked.insert(typed.as_str().to_owned(), entry.clone());
    }
    Ok(checked)
}
