//! The schema of a DAG file.

use noctule_executor::{ErrorClass, Registry};
use serde_json::{Map, Value, json};

use super::super::dag::{Executors, OF_A_DAG, OF_A_TASK};
use super::project::required;
use super::{
    FILE_NAME, IDENTIFIER, count, document, duration, named, partial, table, texts, with, without,
};
use crate::word::Occasion;

/// The JSON Schema (2020-12) of a DAG file, with the `with` tables of these executors.
#[must_use]
pub fn dag_schema(registry: &Registry) -> Value {
    let mut definitions = definitions(registry);
    let top = definitions.remove("dag").unwrap_or_default();
    document("A DAG of Noctule", top, definitions)
}

/// `dag`, and all that it refers to.
pub(super) fn definitions(registry: &Registry) -> Map<String, Value> {
    let mut definitions = Map::new();
    with::add_definitions(registry, &mut definitions);
    let executors = Executors::new(registry);
    definitions.insert("task".into(), task(registry));
    definitions.insert("defaults".into(), defaults(registry, &executors));
    definitions.insert("group".into(), group());
    definitions.insert("trigger".into(), trigger(registry, &executors));
    definitions.insert("instance".into(), instance());
    definitions.insert("dag".into(), dag());
    definitions
}

fn dag() -> Value {
    table(json!({
        "id": { "type": "string", "pattern": FILE_NAME },
        "description": { "type": "string" },
        "owner": { "type": "string" },
        "tags": texts(),
        "timeout": duration(),
        "max_active_runs": count(1, 10_000),
        "notify": notify(&OF_A_DAG),
        "must_end_by": { "type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}$" },
        "timezone": { "type": "string" },
        "schedule": schedule(),
        "ingestion": ingestion(),
        "params": named(IDENTIFIER, param()),
        "defaults": { "$ref": "#/$defs/defaults" },
        "tasks": named(IDENTIFIER, json!({ "$ref": "#/$defs/task" })),
        "groups": named(IDENTIFIER, json!({ "$ref": "#/$defs/group" })),
        "instances": { "type": "array", "items": { "$ref": "#/$defs/instance" } },
        "trigger": { "$ref": "#/$defs/trigger" },
    }))
}

fn instance() -> Value {
    let mut instance = without(dag(), &["tasks", "groups", "instances"]);
    partial(&mut instance);
    if let Some(table) = instance.as_object_mut() {
        table.insert("required".into(), json!(["id"]));
    }
    instance
}

fn moment() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}" })
}

fn schedule() -> Value {
    table(json!({
        "cron": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] },
        "timezone": { "type": "string" },
        "enabled": { "type": "boolean" },
        "start": moment(),
        "end": moment(),
        "catchup": { "enum": ["none", "latest", "all"] },
        "catchup_window": duration(),
        "overlap": { "enum": ["queue", "skip", "cancel_running"] },
        "max_queued": count(0, 100_000),
        "dst_gap": { "enum": ["fire_after", "skip"] },
        "dst_fold": { "enum": ["first", "second", "both"] },
    }))
}

fn ingestion() -> Value {
    table(json!({
        "transform_schedule": { "type": "array", "minItems": 1, "items": { "type": "string", "pattern": "^[0-9]{2}(:[0-9]{2})?$" } },
        "day_of_week": { "type": "string" },
        "digits": { "enum": [8, 14] },
        "timezone": { "type": "string" },
        "allow_lag": { "type": "boolean" },
    }))
}

fn param() -> Value {
    table(json!({
        "type": { "enum": ["string", "integer", "number", "boolean", "date", "list", "object"] },
        "description": { "type": "string" },
        "default": {},
        "optional": { "type": "boolean" },
        "pattern": { "type": "string" },
        "enum": { "type": "array", "minItems": 1 },
        "minimum": { "type": "number" },
        "maximum": { "type": "number" },
    }))
}

fn retries() -> Value {
    let classes = ErrorClass::ALL.into_iter().filter(|class| {
        !matches!(
            class,
            ErrorClass::Config
                | ErrorClass::Permission
                | ErrorClass::NotFound
                | ErrorClass::Cancelled
        )
    });
    let classes: Vec<&str> = classes.map(ErrorClass::as_str).collect();
    let full = table(json!({
        "max": count(0, 1_000),
        "delay": duration(),
        "backoff": { "type": "number", "minimum": 1, "maximum": 100 },
        "max_delay": duration(),
        "on": { "type": "array", "items": { "enum": classes } },
    }));
    json!({ "anyOf": [count(0, 1_000), full] })
}

/// The keys that make a fan-out.
fn expansion() -> Value {
    json!({
        "map": { "anyOf": [{ "type": "array" }, { "$ref": "#/$defs/template" }] },
        "map_key": { "type": "string" },
        "max_parallel": { "type": "integer", "minimum": 1 },
        "min_success": { "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "^[0-9.]+%$" },
        ] },
    })
}

fn joined(one: Value, other: Value) -> Value {
    let mut all = one.as_object().cloned().unwrap_or_default();
    all.extend(other.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

fn trigger_rule() -> Value {
    let words: Vec<&str> = super::super::dag::TRIGGER_RULES
        .iter()
        .map(|(word, _)| *word)
        .collect();
    json!({ "enum": words })
}

fn task_keys() -> Value {
    joined(
        expansion(),
        json!({
            "executor": { "type": "string" },
            "template": { "type": "string" },
            "depends_on": { "type": "array", "items": { "type": "string" }, "uniqueItems": true },
            "wait": { "enum": ["block", "poll", "detach"] },
            "timeout": duration(),
            "total_timeout": duration(),
            "start_timeout": duration(),
            "poll_interval": duration(),
            "retries": retries(),
            "trigger_rule": trigger_rule(),
            "may_fail": { "type": "boolean" },
            "pool": { "anyOf": [
                { "type": "string" },
                table(json!({ "name": { "type": "string" }, "slots": count(1, 1_000_000) })),
            ] },
            "priority": { "type": "integer" },
            "when": { "type": "string" },
            "success": { "type": "string" },
            "skip_when": { "type": "string" },
            "on_unknown": { "enum": ["fail", "retry"] },
            "expose_secrets": { "type": "boolean" },
            "hold_until": { "anyOf": [{ "const": "run" }, texts()] },
            "with": { "type": "object" },
            "notify": notify(&OF_A_TASK),
        }),
    )
}

/// Who is told, and about what.
fn notify(occasions: &[Occasion]) -> Value {
    let words: Vec<&str> = occasions.iter().map(|occasion| occasion.word()).collect();
    required(
        table(json!({
            "to": texts(),
            "on": { "type": "array", "items": { "enum": words } },
        })),
        &["to"],
    )
}

/// A task; its `with` is that of its executor, where the task itself names it.
fn task(registry: &Registry) -> Value {
    let forms: Vec<Value> = registry
        .kinds()
        .map(|kind| {
            json!({
                "if": { "properties": { "executor": { "const": kind } }, "required": ["executor"] },
                "then": { "properties": { "with": { "$ref": format!("#/$defs/{}", with::name(kind)) } } },
            })
        })
        .collect();
    let mut task = table(task_keys());
    if let Some(table) = task.as_object_mut().filter(|_| !forms.is_empty()) {
        table.insert("allOf".into(), forms.into());
    }
    task
}

/// `[trigger.KIND]`: one kind, with the table of its event source.
fn trigger(registry: &Registry, executors: &Executors) -> Value {
    let kinds: Map<String, Value> = executors
        .source_kinds()
        .into_iter()
        .map(|kind| {
            let schema = match registry.source(kind) {
                Some(_) => json!({ "$ref": format!("#/$defs/{}", with::source_name(kind)) }),
                None => json!({ "type": "object" }),
            };
            (kind.to_owned(), schema)
        })
        .collect();
    let mut trigger = table(Value::Object(kinds));
    if let Some(table) = trigger.as_object_mut() {
        table.insert("maxProperties".into(), json!(1));
    }
    trigger
}

/// `[defaults]`: any key that is not a task's own, and `with` by executor.
fn defaults(registry: &Registry, executors: &Executors) -> Value {
    let mut keys = without(table(task_keys()), &["depends_on", "map", "map_key"]);
    let by_executor: Map<String, Value> = executors
        .names()
        .map(|kind| {
            let built = registry.get(kind).is_some();
            let schema = if built {
                json!({ "$ref": format!("#/$defs/{}", with::name(kind)) })
            } else {
                json!({ "type": "object" })
            };
            (kind.to_owned(), schema)
        })
        .collect();
    if let Some(with) = keys.pointer_mut("/properties/with") {
        *with = json!({ "type": "object", "properties": by_executor });
    }
    keys
}

fn group() -> Value {
    let mut group = table(joined(
        expansion(),
        json!({
            "tasks": named(IDENTIFIER, json!({ "$ref": "#/$defs/task" })),
            "depends_on": texts(),
            "trigger_rule": trigger_rule(),
            "when": { "type": "string" },
        }),
    ));
    if let Some(table) = group.as_object_mut() {
        table.insert("required".into(), json!(["tasks", "map"]));
    }
    group
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::dag::{DAG_KEYS, GROUP_KEYS, TASK_KEYS};

    #[test]
    fn the_schema_knows_exactly_the_keys_of_the_reader() {
        let keys = |schema: Value| {
            schema["properties"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        let known = |keys: &[&str]| {
            keys.iter()
                .map(|key| (*key).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(keys(dag()), known(&DAG_KEYS));
        assert_eq!(keys(table(task_keys())), known(&TASK_KEYS));
        assert_eq!(keys(group()), known(&GROUP_KEYS));
    }
}
