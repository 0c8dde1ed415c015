//! How two versions of a DAG differ: by what they mean, not by the lines of their files.

use serde_json::{Map, Value};

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What: `tasks.load.retries.max`.
    pub(crate) place: String,
    /// What it was; none: it was not there.
    pub(crate) before: Option<String>,
    /// What it is; none: it is gone.
    pub(crate) after: Option<String>,
}

/// Everything that differs, in the order of the places.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", &named(before), &named(after), &mut found);
    found
}

/// Tasks by their names, so that one that moved is the same one.
fn named(definition: &Value) -> Value {
    let mut definition = definition.clone();
    if let Some(Value::Array(tasks)) = definition.get("tasks") {
        let by_name: Map<String, Value> = tasks
            .iter()
            .filter_map(|task| Some((task.get("name")?.as_str()?.to_owned(), task.clone())))
            .collect();
        definition["tasks"] = Value::Object(by_name);
    }
    definition
}

fn compare(place: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let below = match place {
                    "" => key.clone(),
                    place => format!("{place}.{key}"),
                };
                let (old, new) = (old.get(key), new.get(key));
                compare(
                    &below,
                    old.unwrap_or(&Value::Null),
                    new.unwrap_or(&Value::Null),
                    found,
                );
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(Change {
            place: place.to_owned(),
            before: told(old),
            after: told(new),
        }),
    }
}

fn told(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(place: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change {
            place: place.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn a_task_that_only_moved_does_not_differ() {
        let one = json!({ "tasks": [{ "name": "a", "n": 1 }, { "name": "b", "n": 2 }] });
        let two = json!({ "tasks": [{ "name": "b", "n": 2 }, { "name": "a", "n": 1 }] });
        assert_eq!(changes(&one, &two), []);
    }

    #[test]
    fn what_differs_is_told_by_its_place() {
        let one = json!({ "owner": "x", "tasks": [{ "name": "a", "n": 1 }, { "name": "gone" }] });
        let two = json!({ "owner": null, "tasks": [{ "name": "a", "n": 2 }] });
        assert_eq!(
            changes(&one, &two),
            [
                change("owner", Some("x"), None),
                change("tasks.a.n", Some("1"), Some("2")),
                change("tasks.gone", Some(r#"{"name":"gone"}"#), None),
            ]
        );
    }
}
