//! The facts of one run, for the tests of templates.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file takes what it needs"
)]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use noctule_core::template::{
    DagScope, Fault, RunScope, Scope, TaskScope, TemplateError, holds, render_table, render_value,
};
use serde_json::{Map, Value, json};

/// A run with everything in it.
pub struct Facts {
    pub run: RunScope,
    pub dag: DagScope,
    pub task: TaskScope,
    pub params: Map<String, Value>,
    pub vars: Map<String, Value>,
    pub outputs: BTreeMap<String, Value>,
    pub item: Value,
    pub output: Value,
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

impl Facts {
    pub fn new() -> Self {
        Self {
            run: RunScope {
                id: "run-1".into(),
                ingestion_id: Some("20251107120000".into()),
                logical_time: time("2025-11-07T12:00:00Z"),
                trigger: "schedule".into(),
                timezone: "Asia/Seoul".into(),
                profile: "prod".into(),
                url: None,
                previous: Some(time("2025-11-06T12:00:00Z")),
                previous_success: None,
            },
            dag: DagScope {
                id: "nightly".into(),
                tags: vec!["llm".into(), "nightly".into()],
            },
            task: TaskScope {
                name: "convert".into(),
                map_key: None,
                attempt: 2,
            },
            params: object(json!({
                "code": "cf526000", "count": 5, "ratio": 0.5, "dry": true, "file_id": null, "day": "2026-01-01",
                "names": ["a", "b"], "place": {"city": "서울", "zip": [1, 2]}, "hostile": "{{ vars.project }}",
            })),
            vars: object(json!({"project": "dev"})),
            outputs: BTreeMap::from([
                (
                    "targets".into(),
                    json!({"rows": [{"id": 7, "name": null}], "text": "{{ run.id }}"}),
                ),
                ("forged".into(), json!({"secret": "adverts_db"})),
                ("nested".into(), json!([{"env": {"URL": {"secret": "x"}}}])),
            ]),
            item: json!({"file_id": "f-1", "size": 10}),
            output: json!({"status": 200, "body": {"status": "success", "count": 3}}),
        }
    }

    pub fn scope(&self) -> Scope<'_> {
        Scope {
            run: Some(&self.run),
            dag: Some(&self.dag),
            task: Some(&self.task),
            params: Some(&self.params),
            vars: Some(&self.vars),
            outputs: Some(&self.outputs),
            item: Some(&self.item),
            output: Some(&self.output),
            ..Scope::default()
        }
    }
}

/// The value of a text with its templates filled in; `None` if it is left out.
pub fn rendered(text: &str) -> Option<Value> {
    match render_value(&json!(text), &Facts::new().scope()) {
        Ok(value) => value,
        Err(error) => panic!("{text:.80}: {error}"),
    }
}

/// The value of an expression, as JSON.
pub fn value(expression: &str) -> Value {
    rendered(&format!("{{{{ {expression} }}}}")).unwrap_or(Value::Null)
}

/// Why a text cannot be rendered.
pub fn failure(text: &str) -> TemplateError {
    match render_value(&json!(text), &Facts::new().scope()) {
        Ok(value) => panic!("{text:.80}: {:.80}", value.unwrap_or_default().to_string()),
        Err(error) => error,
    }
}

/// What is wrong with a text.
pub fn fault(text: &str) -> Fault {
    failure(text).fault
}

/// A table with its templates filled in.
pub fn table(value: Value) -> Result<Value, TemplateError> {
    render_table(&object(value), &Facts::new().scope()).map(Value::Object)
}

/// Whether an expression holds.
pub fn judged(expression: &str) -> Result<bool, TemplateError> {
    holds(expression, &Facts::new().scope())
}
