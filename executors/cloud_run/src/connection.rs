//! The settings of a `kind = "google"` connection, read and checked.
//!
//! Guarantees: a wrong setting is named together with its connection; nothing is guessed in its place. Holds no
//! secret: credentials are found at the call.

use std::time::Duration;

use noctule_executor::Connection;
use serde::Deserialize;

use crate::duration;
use crate::endpoint::Endpoint;
use crate::rules;

/// Looks after an unknown launch. How consistent the list of executions is, is undocumented; half a minute is far
/// beyond what was ever seen.
const SEARCH_AFTER: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// How calls are authenticated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Auth {
    /// Application default credentials.
    #[default]
    Adc,
    /// No credentials: simulators and fakes.
    Anonymous,
}

/// The connection, as this executor uses it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// The project of tasks that name none.
    pub(crate) project: Option<String>,
    pub(crate) auth: Auth,
    /// The service account to act as.
    pub(crate) impersonate: Option<String>,
    /// The project that quota is counted on.
    pub(crate) quota_project: Option<String>,
    pub(crate) endpoint: Endpoint,
    pub(crate) logging_endpoint: Endpoint,
    pub(crate) secrets_endpoint: Endpoint,
    /// When to look for an unknown launch, ascending.
    pub(crate) search_after: Vec<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Written {
    project: Option<String>,
    auth: Auth,
    impersonate: Option<String>,
    quota_project: Option<String>,
    endpoint: Option<String>,
    logging_endpoint: Option<String>,
    secrets_endpoint: Option<String>,
    search_after: Option<Vec<String>>,
    /// The engine's: the budgets of the connection.
    #[serde(rename = "rate")]
    _rate: Option<serde::de::IgnoredAny>,
}

impl Settings {
    /// Reads a connection; without one, Google's own endpoints with whatever credentials are found.
    pub(crate) fn read(connection: Option<&Connection>) -> Result<Self, String> {
        let Some(connection) = connection else {
            return Self::checked(Written::default());
        };
        if connection.kind != "google" {
            return Err(format!(
                "connection `{}` is of kind `{}`, `cloud_run` needs `google`",
                connection.name, connection.kind
            ));
        }
        Self::checked(connection.settings()?)
            .map_err(|error| format!("connection `{}`: {error}", connection.name))
    }

    fn checked(written: Written) -> Result<Self, String> {
        for project in [&written.project, &written.quota_project]
            .into_iter()
            .flatten()
        {
            rules::project(project)?;
        }
        if let Some(account) = &written.impersonate {
            check_account(account)?;
        }
        let endpoint = written.endpoint.map(Endpoint::try_from).transpose()?;
        let logging = written
            .logging_endpoint
            .map(Endpoint::try_from)
            .transpose()?;
        // A fake Cloud Run answers for the logs as well, unless another place is named.
        let logging_endpoint = logging
            .or_else(|| endpoint.clone())
            .unwrap_or_else(Endpoint::logging);
        // A regional endpoint of Cloud Run knows no secrets: only a fake answers for all.
        let secrets = written
            .secrets_endpoint
            .map(Endpoint::try_from)
            .transpose()?;
        let secrets_endpoint = secrets
            .or_else(|| endpoint.clone().filter(Endpoint::is_local))
            .unwrap_or_else(Endpoint::secrets);
        Ok(Self {
            project: written.project,
            auth: written.auth,
            impersonate: written.impersonate,
            quota_project: written.quota_project,
            endpoint: endpoint.unwrap_or_else(Endpoint::cloud_run),
            logging_endpoint,
            secrets_endpoint,
            search_after: search_after(written.search_after)?,
        })
    }
}

fn check_account(account: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "@._-".contains(c);
    if account.contains('@') && account.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("impersonate: `{account}` is not a service account"))
}

/// The looks in order. One at least: without a look, sending again could double the work.
fn search_after(written: Option<Vec<String>>) -> Result<Vec<Duration>, String> {
    let Some(written) = written else {
        return Ok(SEARCH_AFTER.to_vec());
    };
    let looks = written
        .iter()
        .map(|text| duration::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("search_after: {error}"))?;
    if looks.is_empty() {
        return Err("search_after: expected one look at least".to_owned());
    }
    if !looks.is_sorted_by(|earlier, later| earlier < later) {
        return Err("search_after: expected ascending durations".to_owned());
    }
    Ok(looks)
}

/// The default looks.
pub(crate) fn default_search() -> Vec<Duration> {
    SEARCH_AFTER.to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> Result<Settings, String> {
        let Value::Object(settings) = settings else {
            return Err("not a table".to_owned());
        };
        Settings::read(Some(&Connection {
            name: "gcp".to_owned(),
            kind: "google".to_owned(),
            settings,
        }))
    }

    #[test]
    fn nothing_means_google_itself() {
        let settings = Settings::read(None).unwrap();
        assert_eq!(settings.endpoint.to_string(), "https://run.googleapis.com");
        assert_eq!(
            settings.logging_endpoint.to_string(),
            "https://logging.googleapis.com"
        );
        assert_eq!(settings.auth, Auth::Adc);
        assert_eq!(settings.search_after, SEARCH_AFTER);
    }

    #[test]
    fn logs_follow_the_endpoint() {
        let settings =
            read(json!({ "endpoint": "http://127.0.0.1:1", "auth": "anonymous" })).unwrap();
        assert_eq!(settings.logging_endpoint.to_string(), "http://127.0.0.1:1");
        let settings = read(json!({
            "endpoint": "http://127.0.0.1:1", "logging_endpoint": "http://127.0.0.1:2",
        }))
        .unwrap();
        assert_eq!(settings.logging_endpoint.to_string(), "http://127.0.0.1:2");
    }

    #[test]
    fn wrong_settings_are_named_with_their_connection() {
        for (settings, word) in [
            (json!({ "endpoint": "http://10.0.0.1" }), "plain http"),
            (json!({ "endpoints": "x" }), "endpoints"),
            (json!({ "auth": "magic" }), "magic"),
            (json!({ "search_after": [] }), "one look"),
            (json!({ "search_after": ["5s", "1s"] }), "ascending"),
            (json!({ "search_after": ["5"] }), "duration"),
            (json!({ "impersonate": "a/b@c" }), "service account"),
            (json!({ "project": "a/b" }), "project id"),
        ] {
            let error = read(settings.clone()).unwrap_err();
            assert!(
                error.contains(word) && error.contains("gcp"),
                "{settings}: {error}"
            );
        }
    }

    #[test]
    fn the_rate_is_the_engines() {
        assert!(read(json!({ "rate": { "launch": "20/s" } })).is_ok());
    }
}
