//! The form of a query that `sql`, `sql_sensor` and `[trigger.postgres]` share, and the asking of one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use noctule_executor::{Draft, Leaf, Problem, Span};

use crate::rows::Bounds;
use crate::statement;

/// A statement, its values and its bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlConfig {
    /// The connection of kind `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// One statement with `$1`, `$2`, … for values.
    pub(crate) query: String,
    /// The values, in order, each taken as the type that its place asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) params: Vec<Value>,
    /// How long the statement may run. Default: the connection's `statement_timeout`, else as long as the task may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Span>,
    /// More rows are a failure. Default 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_rows: Option<u64>,
    /// A larger answer is a failure. Default 4 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_bytes: Option<u64>,
}

impl SqlConfig {
    pub(crate) fn bounds(&self) -> Bounds {
        bounds(self.max_rows, self.max_bytes)
    }

    /// The canonical document.
    pub(crate) fn document(&self) -> Value {
        json!({
            "query": self.query,
            "params": self.params,
            "timeout": self.timeout,
            "max_rows": self.bounds().rows,
            "max_bytes": self.bounds().bytes,
        })
    }
}

/// The bounds that a table gives.
pub(crate) fn bounds(max_rows: Option<u64>, max_bytes: Option<u64>) -> Bounds {
    let default = Bounds::default();
    Bounds {
        rows: max_rows.unwrap_or(default.rows),
        bytes: max_bytes.unwrap_or(default.bytes),
    }
}

/// The timeout of a question: its own, the connection's, or the default.
pub(crate) fn question_timeout(
    own: Option<Span>,
    connection: Option<Span>,
    default: Duration,
) -> Duration {
    own.or(connection).map_or(default, |span| span.0)
}

/// What a schema cannot say about the values: a secret is none.
pub(crate) fn check_params(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    let Leaf::Given(Value::Array(params)) = with.get(path) else {
        return;
    };
    let is_secret = |value: &Value| {
        let table = value.as_object();
        table.is_some_and(|table| table.len() == 1 && table.contains_key("secret"))
    };
    if params.iter().any(is_secret) {
        let problem = Problem::at(
            path.iter().copied(),
            "a secret cannot be a value of a statement",
        )
        .help("The server would show it in its logs and lists of sessions.");
        found.push(problem);
    }
}

/// Every problem of a query's table.
pub(crate) fn problems(with: &Draft<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    statement::check(with, &["query"], &mut found);
    check_params(with, &["params"], &mut found);
    found
}
