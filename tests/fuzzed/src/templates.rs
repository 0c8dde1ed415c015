//! Templates and judgements: bounded, the same each time, and never rendered again.

use std::collections::BTreeMap;

use chrono::DateTime;
use noctule_core::template::{
    DagScope, Fault, Known, MAX_VALUE, RunScope, Scope, Site, TaskScope, check_expression,
    check_template, holds, references, render_value,
};
use serde_json::{Map, Value, json};

/// Stands in a variable that only a template could bring out.
const CANARY: &str = "a-variable-that-nobody-named";

/// A text with templates; the same text as a judgement.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let world = World::new();
    let scope = world.scope();
    let known = world.known();
    let rendered = render_value(&json!(text), &scope);
    assert_eq!(
        rendered,
        render_value(&json!(text), &scope),
        "rendered twice"
    );
    let problems = check_template(text, &known);
    let mentioned = references(text);
    match &rendered {
        Ok(value) => value_holds(text, value.as_ref()),
        Err(error) if problems.is_empty() => {
            let missed = matches!(
                error.fault,
                Fault::Syntax(_) | Fault::Unknown(_) | Fault::Whole(_) | Fault::Refused(_)
            );
            assert!(!missed, "checked, and yet: {error}");
        }
        Err(_) => {}
    }
    assert!(mentioned.is_ok() || rendered.is_err() || !problems.is_empty());
    drop(check_expression(text, &known));
    assert_eq!(holds(text, &scope), holds(text, &scope));
}

fn value_holds(text: &str, value: Option<&Value>) {
    let written = value.map(Value::to_string).unwrap_or_default();
    assert!(written.len() <= MAX_VALUE, "{} bytes", written.len());
    let named =
        text.contains("vars") || text.contains(CANARY) || text.contains('~') || text.contains('\\');
    assert!(
        named || !written.contains(CANARY),
        "{text:?} was rendered twice"
    );
}

struct World {
    run: RunScope,
    dag: DagScope,
    task: TaskScope,
    params: Map<String, Value>,
    vars: Map<String, Value>,
    outputs: BTreeMap<String, Value>,
    item: Value,
}

impl World {
    fn new() -> Self {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Self {
            run: RunScope {
                id: "r".to_owned(),
                logical_time: DateTime::UNIX_EPOCH,
                timezone: "Asia/Seoul".to_owned(),
                ..RunScope::default()
            },
            dag: DagScope {
                id: "d".to_owned(),
                tags: vec!["{{ vars.v }}".to_owned()],
            },
            task: TaskScope {
                name: "t".to_owned(),
                map_key: None,
                attempt: 1,
            },
            params: object(
                json!({"p": "{{ vars.v }}", "n": 7, "none": null, "list": ["a", "{{ vars.v }}"], "big": "x".repeat(4096)}),
            ),
            vars: object(json!({"v": CANARY})),
            outputs: BTreeMap::from([(
                "u".to_owned(),
                json!({"text": "{{ vars.v }}", "rows": [{"secret": "s"}]}),
            )]),
            item: json!({"id": "{{ vars.v }}", "size": 1.5}),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            run: Some(&self.run),
            dag: Some(&self.dag),
            task: Some(&self.task),
            params: Some(&self.params),
            vars: Some(&self.vars),
            outputs: Some(&self.outputs),
            item: Some(&self.item),
            ..Scope::default()
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            params: self.params.keys().map(String::as_str).collect(),
            vars: self.vars.keys().map(String::as_str).collect(),
            ancestors: ["u"].into(),
            tasks: ["t", "u"].into(),
            mapped: true,
            ..Known::at(Site::Task)
        }
    }
}
