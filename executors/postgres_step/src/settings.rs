//! The settings of `[connections.NAME]` with `kind = "postgres"`, and the options that a session is opened with.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use noctule_executor::{Connection, Context, Entry, Problem, Span};

use crate::error::PostgresError;

/// Sessions of one connection at once, unless it says otherwise.
const MAX_CONNECTIONS: usize = 4;

/// The settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `postgres://user:password@host:port/database`.
    url: Entry,
    /// `disable`, `prefer`, `require`, `verify-ca`, `verify-full`; beats the URL's.
    #[serde(default)]
    ssl_mode: Option<String>,
    /// A file of PEM certificates to trust.
    #[serde(default)]
    ssl_root_cert: Option<String>,
    #[serde(default)]
    application_name: Option<String>,
    #[serde(default)]
    max_connections: Option<usize>,
    /// `false` behind a proxy that pools transactions: no LISTEN, the timer alone.
    #[serde(default = "yes")]
    pub(crate) notifications: bool,
    /// Of every statement that names none.
    #[serde(default)]
    pub(crate) statement_timeout: Option<Span>,
    /// Looks after an unknown launch, before the same request is sent again.
    #[serde(default)]
    search_after: Option<Vec<Span>>,
    /// The engine's own.
    #[serde(default, rename = "rate")]
    _rate: Option<Value>,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// The settings of a connection.
    pub(crate) fn of(connection: Option<&Connection>) -> Result<Self, Problem> {
        let connection = connection.ok_or_else(|| {
            Problem::at(["connection"], "no connection of kind `postgres` is named")
        })?;
        let settings: Self = connection
            .settings()
            .map_err(|message| Problem::at(["connection"], message))?;
        let name = &connection.name;
        if let Some(mode) = &settings.ssl_mode
            && mode.parse::<PgSslMode>().is_err()
        {
            let message = format!("connection `{name}`: `ssl_mode` cannot be {mode:?}");
            let help = "Modes are disable, prefer, require, verify-ca and verify-full.";
            return Err(Problem::at(["connection"], message).help(help));
        }
        if settings.max_connections == Some(0) {
            let message = format!("connection `{name}`: `max_connections` is 0");
            return Err(Problem::at(["connection"], message));
        }
        Ok(settings)
    }

    pub(crate) fn max_connections(&self) -> usize {
        self.max_connections.unwrap_or(MAX_CONNECTIONS)
    }

    /// When to look for a launch that nobody answered for.
    pub(crate) fn search_after(&self) -> Vec<Duration> {
        match &self.search_after {
            Some(spans) => spans.iter().map(|span| span.0).collect(),
            None => [0, 1, 5, 15, 30].map(Duration::from_secs).to_vec(),
        }
    }

    /// The URL, looked up at the call.
    pub(crate) async fn url(&self, context: &Context) -> Result<SecretString, PostgresError> {
        match &self.url {
            Entry::Plain(text) => Ok(SecretString::from(text.as_str())),
            Entry::Secret(secret) => {
                let resolved = context.secrets.resolve(secret).await;
                resolved.map_err(PostgresError::Secret)
            }
        }
    }

    /// What a session is opened with. An error says nothing of the URL.
    pub(crate) fn options(
        &self,
        name: &str,
        url: &SecretString,
    ) -> Result<PgConnectOptions, PostgresError> {
        let unreadable = || {
            PostgresError::config(format!(
                "connection `{name}`: `url` is no address of the form postgres://user@host:port/database"
            ))
        };
        let text = url.expose_secret();
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(unreadable());
        }
        let options: PgConnectOptions = text.parse().map_err(|_| unreadable())?;
        // Nothing of a statement is kept in a session, and nothing is sent that a pooling proxy does not know.
        let mut options = options
            .statement_cache_capacity(0)
            .extra_float_digits(None)
            .disable_statement_logging();
        if let Some(Ok(mode)) = self.ssl_mode.as_deref().map(str::parse) {
            options = options.ssl_mode(mode);
        }
        if let Some(file) = &self.ssl_root_cert {
            options = options.ssl_root_cert(file);
        }
        let application = self.application_name.as_deref();
        if application.is_some() || options.get_application_name().is_none() {
            options = options.application_name(application.unwrap_or("noctule"));
        }
        Ok(options)
    }
}
