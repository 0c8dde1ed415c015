//! JSON Schemas of the two files, for editors.
//!
//! Guarantees: what the reader accepts, the schema accepts; keys and types that the reader refuses, the schema refuses.
//! Names that must exist, cron expressions and other things beyond a schema are the reader's alone.

mod dag;
mod project;
mod with;

use serde_json::{Map, Value, json};

pub use self::dag::dag_schema;
pub use self::project::project_schema;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn duration() -> Value {
    json!({ "type": "string", "pattern": "^([0-9]+(w|d|h|ms|m|s))+$" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn count(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// A table with these keys and no others.
fn table(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A table of names, each with a value of this schema.
fn named(pattern: &str, schema: Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": schema })
}

const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";
const FILE_NAME: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";

fn without(mut schema: Value, keys: &[&str]) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|key, _| !keys.contains(&key.as_str()));
    }
    schema
}

/// The schema without demands for keys, at any depth: another layer may bring them.
fn partial(schema: &mut Value) {
    match schema {
        Value::Object(table) => {
            if table.get("required").is_some_and(Value::is_array) && !table.contains_key("const") {
                table.remove("required");
            }
            table
                .iter_mut()
                .filter(|(key, _)| *key != "if")
                .for_each(|(_, value)| partial(value));
        }
        Value::Array(items) => items.iter_mut().for_each(partial),
        _ => {}
    }
}

/// A whole document: the schema of its top with its definitions.
fn document(title: &str, mut top: Value, definitions: Map<String, Value>) -> Value {
    if let Some(table) = top.as_object_mut() {
        table.insert("$schema".into(), DIALECT.into());
        table.insert("title".into(), title.into());
        table.insert("$defs".into(), Value::Object(definitions));
    }
    top
}
