//! The `with` table of `executor = "cloud_run"`.
//!
//! Guarantees: unknown keys are refused. Values keep their text; limits are judged by `check` and `request`, which
//! can name the key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use noctule_executor::{Entry, Text};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Runs an existing Cloud Run job with overrides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The job's short name.
    pub job: String,
    /// The region of the job, such as `asia-northeast1`.
    pub region: String,
    /// The project of the job; default: the project of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The connection (`kind = "google"`); default: the only one of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The container that the overrides are for; needed when the job has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Arguments instead of the job's own; an empty list empties them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<Text>>,
    /// Environment variables, merged over the job's own. At most 999, of 32 KiB each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Entry>,
    /// How many tasks the execution has, 1 to 10,000; default: what the job says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_count: Option<TaskCount>,
    /// A further try runs only the indexes that did not succeed. The job takes its index from `NOCTULE_TASK_INDEXES`, a comma
    /// list in which its `CLOUD_RUN_TASK_INDEX` is the position. Needs `task_count`, of at most 1,000.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retry_failed_indexes: bool,
    /// The timeout of one task attempt, such as `1h` or `3600s`, at most 168 h; default: what the job says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_timeout: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A count, written as a number or as a numeric text (a template that is part of a text gives text).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskCount(pub Text);

impl JsonSchema for TaskCount {
    fn schema_name() -> Cow<'static, str> {
        "TaskCount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 1, "maximum": 10_000, "pattern": "^[0-9]+$" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_numbers_where_text_is_wanted() {
        let config: Config = serde_json::from_value(json!({
            "job": "etl", "region": "r1", "task_count": 3, "env": { "N": 5, "ON": true },
            "args": ["--day", 1],
        }))
        .unwrap();
        assert_eq!(config.task_count, Some(TaskCount(Text("3".to_owned()))));
        assert_eq!(config.env["N"].plain(), Some("5"));
        assert_eq!(config.args.unwrap()[1].as_str(), "1");
    }

    #[test]
    fn refuses_unknown_keys() {
        let read = serde_json::from_value::<Config>(json!({
            "job": "etl", "region": "r1", "jobs": "typo"
        }));
        assert!(read.unwrap_err().to_string().contains("jobs"));
    }

    #[test]
    fn the_schema_documents_every_key() {
        let schema = schemars::schema_for!(Config).to_value();
        for (key, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{key}: {property}");
        }
        assert_eq!(schema["additionalProperties"], false);
    }
}
