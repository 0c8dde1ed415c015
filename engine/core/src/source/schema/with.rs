//! The `with` tables of executors and the tables of event sources, as they stand in a file: a leaf may be a template, and
//! defaults may bring keys.

use noctule_executor::Registry;
use serde_json::{Map, Value, json};

/// The definition of one executor's `with`.
pub(super) fn name(kind: &str) -> String {
    format!("with.{kind}")
}

/// Adds one definition for each executor, and those that it refers to.
pub(super) fn add_definitions(registry: &Registry, definitions: &mut Map<String, Value>) {
    definitions.insert(
        "template".into(),
        json!({ "type": "string", "pattern": "\\{\\{" }),
    );
    for executor in registry.iter() {
        let schema = taken_in(executor.config_schema(), executor.kind(), definitions);
        definitions.insert(name(executor.kind()), schema);
    }
    for source in registry.sources() {
        let prefix = source_name(source.kind());
        let mut schema = taken_in(source.config_schema(), &prefix, definitions);
        if let Some(keys) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            keys.insert("every".into(), super::duration());
            keys.insert("connection".into(), json!({ "type": "string" }));
        }
        definitions.insert(prefix, schema);
    }
}

/// The definition of one event source's table.
pub(super) fn source_name(kind: &str) -> String {
    format!("trigger.{kind}")
}

/// A schema whose own definitions have moved to ours, under a prefix, with a template wherever a value may stand.
fn taken_in(mut schema: Value, prefix: &str, definitions: &mut Map<String, Value>) -> Value {
    let own = schema
        .as_object_mut()
        .and_then(|table| table.remove("$defs"));
    for (key, mut definition) in own
        .and_then(|own| own.as_object().cloned())
        .unwrap_or_default()
    {
        allow_templates(&mut definition, prefix);
        definitions.insert(format!("{prefix}.{key}"), definition);
    }
    allow_templates(&mut schema, prefix);
    if let Some(table) = schema.as_object_mut() {
        table.remove("$schema");
        table.remove("required");
    }
    schema
}

/// Lets every value below be a template. Depth is that of the executor's own types.
fn allow_templates(schema: &mut Value, kind: &str) {
    let Some(table) = schema.as_object_mut() else {
        return;
    };
    if let Some(target) = table
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.strip_prefix("#/$defs/"))
    {
        let target = format!("#/$defs/{kind}.{target}");
        table.insert("$ref".into(), target.into());
    }
    for (key, value) in table.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties
                    .iter_mut()
                    .for_each(|(_, value)| wrap(value, kind));
            }
            ("additionalProperties" | "items", value) if value.is_object() => wrap(value, kind),
            ("prefixItems", Value::Array(items)) => {
                items.iter_mut().for_each(|item| wrap(item, kind));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(forms)) => forms
                .iter_mut()
                .for_each(|form| allow_templates(form, kind)),
            _ => {}
        }
    }
}

fn wrap(schema: &mut Value, kind: &str) {
    allow_templates(schema, kind);
    let inner = schema.take();
    *schema = json!({ "anyOf": [inner, { "$ref": "#/$defs/template" }] });
}
