//! The schema of the project file.

use noctule_executor::Registry;
use serde_json::{Map, Value, json};

use super::{
    FILE_NAME, IDENTIFIER, count, dag, document, duration, named, partial, table, texts, without,
};

/// The JSON Schema (2020-12) of `noctule.toml`, with the `with` tables of these executors.
#[must_use]
pub fn project_schema(registry: &Registry) -> Value {
    let mut definitions = dag::definitions(registry);
    let mut defaults = definitions
        .remove("dag")
        .map(|dag| without(dag, &["id", "tasks", "groups", "instances"]))
        .unwrap_or_default();
    partial(&mut defaults);
    definitions.insert("dag_defaults".into(), defaults);
    let mut profile = table(Value::Object(tables(registry)));
    partial(&mut profile);
    definitions.insert("profile".into(), profile);
    let mut tables = tables(registry);
    tables.insert(
        "profiles".into(),
        named(FILE_NAME, json!({ "$ref": "#/$defs/profile" })),
    );
    document(
        "A project of Noctule",
        table(Value::Object(tables)),
        definitions,
    )
}

fn tables(registry: &Registry) -> Map<String, Value> {
    let tables = json!({
        "store": table(json!({ "url": { "type": "string" } })),
        "engine": engine(),
        "vars": { "type": "object", "propertyNames": { "pattern": IDENTIFIER } },
        "secrets": named(IDENTIFIER, required(table(json!({
            "from": { "type": "string", "pattern": "^(env|file|gcp|aws):." },
            "connection": { "type": "string" },
            "dags": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        })), &["from"])),
        "connections": named(FILE_NAME, connection(registry)),
        "pools": named(FILE_NAME, count(1, 1_000_000)),
        "defaults": { "$ref": "#/$defs/defaults" },
        "dag_defaults": { "$ref": "#/$defs/dag_defaults" },
        "templates": { "type": "object", "additionalProperties": { "$ref": "#/$defs/task" } },
        "notify": named(FILE_NAME, receiver()),
        "simulator": table(json!({ "secrets": { "type": "object", "additionalProperties": { "type": "string", "pattern": "^(env|file):." } }, "jobs": { "type": "object", "additionalProperties": table(json!({
            "command": texts(),
            "env": { "type": "object" },
            "delay": duration(),
            "fail": { "type": ["boolean", "integer", "string"] },
            "container": { "type": "string" },
            "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        })) } })),
        "executors": named(IDENTIFIER, required(table(json!({ "command": texts() })), &["command"])),
    });
    tables.as_object().cloned().unwrap_or_default()
}

pub(super) fn required(mut schema: Value, keys: &[&str]) -> Value {
    if let Some(table) = schema.as_object_mut() {
        table.insert("required".into(), json!(keys));
    }
    schema
}

/// `{ secret = "NAME" }`.
fn secret_reference() -> Value {
    required(
        table(json!({ "secret": { "type": "string" } })),
        &["secret"],
    )
}

fn engine() -> Value {
    table(json!({
        "dags": { "type": "string" },
        "watch": { "type": "boolean" },
        "new_dags": { "enum": ["active", "paused"] },
        "slots": count(1, 100_000),
        "host_lost_after": duration(),
        "listen": { "type": "string" },
        "public_url": { "type": "string", "pattern": "^https?://" },
        "trust_loopback": { "type": "boolean" },
        "bootstrap_token": secret_reference(),
        "oidc": required(table(json!({
            "issuer": { "type": "string", "pattern": "^https?://" },
            "client_id": { "type": "string" },
            "client_secret": secret_reference(),
            "groups_claim": { "type": "string" },
            "scopes": texts(),
            "roles": table(json!({ "viewer": texts(), "operator": texts(), "admin": texts() })),
            "session": duration(),
        })), &["issuer", "client_id", "client_secret", "roles"]),
        "display_timezone": { "type": "string" },
        "retention": table(json!({
            "runs": duration(),
            "failed": duration(),
            "logs": duration(),
            "keep_last": count(0, 1_000_000),
        })),
        "heartbeat": required(table(json!({ "url": address(), "every": duration() })), &["url"]),
        "callbacks": required(
            table(json!({ "signing_secret": reference(), "private_targets": { "type": "boolean" } })),
            &["signing_secret"],
        ),
        "otel": required(table(json!({
            "endpoint": { "type": "string", "pattern": "^https?://" },
            "headers": {
                "type": "object",
                "additionalProperties": { "anyOf": [{ "type": "string" }, reference()] },
            },
        })), &["endpoint"]),
    }))
}

/// A secret, by its name.
fn reference() -> Value {
    required(
        table(json!({ "secret": { "type": "string" } })),
        &["secret"],
    )
}

/// An address, or the secret that it stands in.
fn address() -> Value {
    json!({ "anyOf": [{ "type": "string", "pattern": "^https?://" }, reference()] })
}

/// `[notify.NAME]`.
fn receiver() -> Value {
    let smtp = table(json!({
        "host": { "type": "string" },
        "port": count(1, 65_535),
        "tls": { "enum": ["starttls", "implicit", "none"] },
        "user": { "type": "string" },
        "password": reference(),
    }));
    let mut receiver = table(json!({
        "webhook": address(),
        "signing_secret": reference(),
        "slack": address(),
        "email": texts(),
        "from": { "type": "string" },
        "smtp": required(smtp, &["host"]),
        "gather": duration(),
    }));
    if let Some(table) = receiver.as_object_mut() {
        let one = |key: &str| json!({ "required": [key] });
        table.insert(
            "oneOf".into(),
            json!([one("webhook"), one("slack"), one("email")]),
        );
    }
    receiver
}

/// A connection: the keys of its kind, where the kind stands beside them.
fn connection(registry: &Registry) -> Value {
    let rate = table(json!({
        "launch": { "type": "string", "pattern": "^[0-9]+/[smh]$" },
        "poll": { "type": "string", "pattern": "^[0-9]+/[smh]$" },
    }));
    let names = json!({ "type": ["array", "string"], "items": { "type": "string" } });
    let kinds = [
        (
            "google",
            json!({
                "kind": {}, "project": { "type": "string" }, "auth": { "type": "string" }, "impersonate": { "type": "string" },
                "quota_project": { "type": "string" }, "endpoint": { "type": "string" }, "logging_endpoint": { "type": "string" },
                "secrets_endpoint": { "type": "string" },
                "search_after": { "type": "array", "items": duration(), "minItems": 1 }, "rate": rate,
            }),
        ),
        (
            "http",
            json!({ "kind": {}, "base_url": { "type": "string" }, "auth": {}, "rate": rate }),
        ),
        (
            "aws",
            json!({
                "kind": {}, "region": { "type": "string" }, "profile": { "type": "string" }, "endpoint": { "type": "string" }, "rate": rate,
                "cluster": { "type": "string" }, "target_group": { "type": "string" },
                "subnets": names, "security_groups": names,
                "search_after": { "type": "array", "items": duration(), "minItems": 1 },
                "assume_role": table(json!({ "arn": { "type": "string" }, "external_id": { "type": "string" } })),
            }),
        ),
        (
            "postgres",
            json!({
                "kind": {}, "url": {}, "ssl_root_cert": { "type": "string" }, "application_name": { "type": "string" },
                "ssl_mode": { "type": "string" }, "max_connections": { "type": "integer", "minimum": 1 },
                "notifications": { "type": "boolean" }, "statement_timeout": duration(),
                "search_after": { "type": "array", "items": duration(), "minItems": 1 }, "rate": rate,
            }),
        ),
    ];
    let own = registry
        .iter()
        .filter_map(|executor| executor.connection_kind());
    let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).chain(own).collect();
    let forms: Vec<Value> = kinds
        .iter()
        .map(|(kind, keys)| {
            json!({
                "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
                "then": table(keys.clone()),
            })
        })
        .collect();
    json!({ "type": "object", "properties": { "kind": { "enum": names } }, "required": ["kind"], "allOf": forms })
}
