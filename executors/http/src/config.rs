//! The `with` table of `http`, and the settings of a connection of kind `http`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use noctule_executor::{Connection, Entry, Problem, Text};

use crate::auth::Auth;
use noctule_executor::Span;

/// `with` of `executor = "http"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Default: `POST` with `json` or `body`, else `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Absolute, or a path below the `base_url` of the connection.
    pub(crate) url: Entry,
    /// Header names and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, Entry>,
    /// A body that is sent as JSON; `{ secret = "NAME" }` may stand at any depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Value>,
    /// A body that is sent as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Entry>,
    /// The connection of kind `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// Default: the connection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth: Option<Auth>,
    /// Statuses that mean success. Default: 200; with `poll` also 201 and 202.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Vec<u16>>,
    /// To connect, TLS included. Default 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connect_timeout: Option<Span>,
    /// The longest silence on the line. Default: none, the task's `timeout` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle_timeout: Option<Span>,
    /// TCP keep-alive: after this much silence, and again. Default 60 s, since silent connections are cut on the road.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keep_alive: Option<Span>,
    /// The session that the call is for, such as `{{ tasks.container.output.key }}`: sent as `Noctule-Session`. An answer
    /// that does not carry the same header comes from another session, and is a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Text>,
    /// The service answers at once and works on: its end is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poll: Option<PollConfig>,
}

/// `with.poll`: how the end of the work is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PollConfig {
    /// Where to ask; `{{ answer.body… }}` is the first answer. A path belongs to the origin of the call.
    pub(crate) url: String,
    /// Default `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Header names and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, Entry>,
    /// An expression over `body`, `status_code` and `headers`: true when the work has succeeded.
    pub(crate) until: String,
    /// The same: true when it has failed. Judged first, and on the first answer too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fail_if: Option<String>,
    /// Between two questions while the engine waits on the line. Default 2 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Span>,
}

impl HttpConfig {
    pub(crate) fn method(&self) -> &str {
        let has_body = self.json.is_some() || self.body.is_some();
        let default = if has_body { "POST" } else { "GET" };
        self.method.as_deref().unwrap_or(default)
    }

    pub(crate) fn expect(&self) -> Vec<u16> {
        let default = || match self.poll {
            Some(_) => vec![200, 201, 202],
            None => vec![200],
        };
        self.expect.clone().unwrap_or_else(default)
    }
}

/// The settings of `[connections.NAME]` with `kind = "http"`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// A task's `url` may then be a path.
    pub(crate) base_url: Option<String>,
    pub(crate) auth: Option<Auth>,
    /// The audience of Google tokens; default: the origin of the call.
    pub(crate) audience: Option<String>,
    /// Redirects and poll addresses that the service chooses may lead into private networks.
    pub(crate) private_targets: bool,
    /// The engine's own.
    #[serde(rename = "rate")]
    _rate: Option<Value>,
}

impl Settings {
    /// The settings of a connection.
    pub(crate) fn of(connection: &Connection) -> Result<Self, Problem> {
        connection
            .settings()
            .map_err(|message| Problem::at(["connection"], message))
    }
}
