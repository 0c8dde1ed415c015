//! The `with` table of `postgres_step`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use noctule_executor::{Entry, Span};

/// Wherever a value is exactly this text, the attempt key is meant.
pub(crate) const KEY: &str = "{attempt_key}";

/// `with` of `executor = "postgres_step"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresStepConfig {
    /// The connection of kind `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// The launch: a new row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) insert: Option<Insert>,
    /// The launch: a row that is there is claimed for this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) update: Option<Update>,
    /// The launch: a statement that does nothing when it is sent again, as `INSERT … ON CONFLICT DO NOTHING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<String>,
    /// The values of `statement`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) params: Vec<Value>,
    /// The launch: one HTTP call, whose answer is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<CallConfig>,
    /// The column that carries the attempt key. Default `attempt_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_column: Option<String>,
    /// Where the row is seen. Default with `insert` and `update`: their table, by the attempt key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) watch: Option<WatchConfig>,
    /// A condition of SQL over the columns of the row: the work has succeeded.
    pub(crate) done_when: String,
    /// The same: it has failed. Judged first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed_when: Option<String>,
    /// The same: it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_when: Option<String>,
    /// The same: somebody is at work. Default: from the launch on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) running_when: Option<String>,
    /// An expression of SQL over the row that says in a line why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// A statement that asks the work to stop; without it the work cannot be stopped from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancel: Option<String>,
    /// The values of `cancel`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cancel_params: Vec<Value>,
    /// A channel whose notifications make the next look immediate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    /// How long one statement may take. Default: the connection's `statement_timeout`, else 30 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
    /// Not asked again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) poll_after: Option<Span>,
}

/// A new row; if one with this key is there already, that one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Insert {
    /// The table, perhaps `schema.table`.
    pub(crate) table: String,
    /// The columns of the row but for the one of the attempt key.
    #[serde(default)]
    pub(crate) values: Map<String, Value>,
    /// The columns of a unique index. Default: the one of the attempt key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) key: Vec<String>,
}

/// A row that is claimed: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    /// The table, perhaps `schema.table`.
    pub(crate) table: String,
    /// What becomes of its columns, once for an attempt.
    #[serde(default)]
    pub(crate) values: Map<String, Value>,
    /// The columns that name the row.
    #[serde(rename = "where")]
    pub(crate) which: Map<String, Value>,
}

/// A query that shows the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchConfig {
    /// It gives the row, the column of the attempt key among its columns.
    pub(crate) query: String,
    /// Its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) params: Vec<Value>,
}

/// One call of a service that works in the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallConfig {
    /// Default `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// An absolute address.
    pub(crate) url: Entry,
    /// Header names and values. `Idempotency-Key` is always the attempt key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, Entry>,
    /// A body that is sent as JSON; `{ secret = "NAME" }` may stand at any depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) json: Option<Value>,
    /// The field of the body that carries the attempt key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_field: Option<String>,
    /// Statuses by which the service says that it took the work. Default: 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Vec<u16>>,
    /// How long the line is held for an answer. Default 30 m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
}

impl PostgresStepConfig {
    pub(crate) fn key_column(&self) -> &str {
        self.key_column.as_deref().unwrap_or("attempt_key")
    }
}
