//! The `with` table of `executor = "fargate"`.
//!
//! Guarantees: unknown keys are refused. An empty text or list counts as absent. Values keep their text; limits are
//! judged by `check` and `request`, which can name the key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use noctule_executor::{Entry, Text};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Runs one task of an ECS task definition on Fargate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster, by name or ARN; default: that of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The task definition: a family (its newest revision, looked up at the launch), `family:revision`, or an ARN.
    pub task_definition: String,
    /// The container that `command` and `env` are for and whose exit code is the verdict; default: the essential ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Subnet ids, 16 at most; default: those of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Names>,
    /// Security group ids, 5 at most; default: those of the connection, else the VPC's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Names>,
    /// Whether the task gets a public address; default: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assign_public_ip: Option<Flag>,
    /// `FARGATE` (the default) or `FARGATE_SPOT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
    /// The command instead of the image's own, as a list of arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Text>>,
    /// Environment variables, merged over the definition's own. Secrets need `expose_secrets` on the task: ECS shows them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Entry>,
    /// CPU units of the task, such as `1024`; default: what the definition says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Text>,
    /// Memory of the task in MiB, such as `2048`; default: what the definition says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Text>,
    /// Tags of the task, 49 at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Text>,
    /// The connection (`kind = "aws"`); default: the only one of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The ARN of the target group (of type `ip`) that the task is registered with once it runs. A `port` without it
    /// means that of the connection, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<String>,
    /// The port that the container listens on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Text>,
    /// When work that others use counts as ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The platform version, such as `1.4.0`; default: `LATEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// The role of the containers instead of the definition's own, by name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<String>,
    /// The role of the agent instead of the definition's own, by name or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role: Option<String>,
    /// Where the log is, where the definition does not say it (`awslogs` driver).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// What becomes of a held task whose users failed: `stop` (the default), or `leave` it to end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_failure: Option<String>,
}

/// When work that others use counts as ready.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How long it may take from running to healthy; default: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_timeout: Option<String>,
}

/// A place in CloudWatch Logs; what is absent is as the definition says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The first part of the stream's name, before the container and the task id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_prefix: Option<String>,
    /// The region of the group; default: that of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A list of names, also written as one text with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl Names {
    /// The names of a JSON value; `None` where it is neither a list of texts nor a text.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let parts: Vec<&str> = match value {
            Value::String(text) => text.split(',').collect(),
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        let parts = parts.into_iter().map(str::trim);
        let filled = parts.filter(|part| !part.is_empty());
        Some(Self(filled.map(str::to_owned).collect()))
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::of(&value).ok_or_else(|| serde::de::Error::custom("expected a list of names"))
    }
}

impl JsonSchema for Names {
    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": "string" } })
    }
}

/// Yes or no, written as a boolean, or as the text of one (a template gives text), or as AWS writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        match text.as_str() {
            "true" | "ENABLED" => Ok(Self(true)),
            "false" | "DISABLED" | "" => Ok(Self(false)),
            other => Err(serde::de::Error::custom(format!(
                "expected true or false, found `{other}`"
            ))),
        }
    }
}

impl JsonSchema for Flag {
    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "enum": [true, false, "true", "false", "ENABLED", "DISABLED", ""] })
    }
}

/// The text, unless it is absent or empty.
pub(crate) fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The same of a scalar.
pub(crate) fn given_text(text: Option<&Text>) -> Option<&str> {
    given(text.map(|text| &text.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_may_be_written_with_commas() {
        for (written, names) in [
            (json!(["a", "b"]), vec!["a", "b"]),
            (json!("a, b,"), vec!["a", "b"]),
            (json!(""), vec![]),
            (json!([""]), vec![]),
        ] {
            let read: Names = serde_json::from_value(written).unwrap();
            assert_eq!(read.0, names);
        }
        assert!(serde_json::from_value::<Names>(json!([1])).is_err());
        assert!(serde_json::from_value::<Names>(json!({})).is_err());
    }

    #[test]
    fn flags_may_be_text() {
        let read = |value| serde_json::from_value::<Flag>(value).map(|flag| flag.0);
        assert!(read(json!(true)).unwrap() && read(json!("ENABLED")).unwrap());
        assert!(!read(json!("false")).unwrap() && !read(json!("")).unwrap());
        assert!(read(json!("yes")).is_err());
    }

    #[test]
    fn unknown_keys_are_refused() {
        for with in [
            json!({ "task_definition": "etl", "clusters": "typo" }),
            json!({ "task_definition": "etl", "health": { "timeout": "5m" } }),
            json!({ "task_definition": "etl", "log": { "stream": "x" } }),
        ] {
            assert!(serde_json::from_value::<Config>(with).is_err());
        }
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
