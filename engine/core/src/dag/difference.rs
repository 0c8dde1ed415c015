//! What lies between two versions of a DAG: which tasks are new, gone or other, and in which fields.
//!
//! Guarantees: two versions of one hash differ in nothing; a field that differs is named as the definition names it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Dag, TaskDefinition};

/// What lies between two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Tasks and groups that the later version has and the earlier one has not.
    pub added: Vec<String>,
    /// The other way round.
    pub removed: Vec<String>,
    /// Those that both have, with the fields in which they differ.
    pub changed: Vec<Changed>,
    /// The fields of the DAG itself in which they differ.
    pub dag: Vec<String>,
}

/// A task that both versions have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// Its name.
    pub task: String,
    /// In which fields it differs.
    pub fields: Vec<String>,
}

impl Difference {
    /// What the later version changes, in the order of its file; what is gone in the order of the earlier one.
    #[must_use]
    pub fn between(earlier: &Dag, later: &Dag) -> Self {
        let was = by_name(earlier);
        let is = by_name(later);
        let names = |dag: &Dag| -> Vec<String> {
            let all = dag.tasks().map(|ix| dag.task(ix).name.to_string());
            all.collect()
        };
        let changed = names(later).into_iter().filter_map(|task| {
            let fields = parting(was.get(&task)?, is.get(&task)?);
            (!fields.is_empty()).then_some(Changed { task, fields })
        });
        let without = |names: Vec<String>, known: &BTreeMap<String, Map<String, Value>>| {
            names
                .into_iter()
                .filter(|it| !known.contains_key(it))
                .collect()
        };
        Self {
            added: without(names(later), &was),
            removed: without(names(earlier), &is),
            changed: changed.collect(),
            dag: parting(&head(earlier), &head(later)),
        }
    }

    /// Nothing lies between them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn by_name(dag: &Dag) -> BTreeMap<String, Map<String, Value>> {
    let field = |task: &TaskDefinition| (task.name.to_string(), fields(task));
    dag.tasks().map(|ix| field(dag.task(ix))).collect()
}

fn head(dag: &Dag) -> Map<String, Value> {
    let mut head = fields(dag.definition());
    head.remove("tasks");
    head
}

fn fields<T: Serialize>(value: &T) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        // A definition is an object, as its hash needs it to be.
        _ => Map::new(),
    }
}

/// The names of fields that are not the same.
fn parting(was: &Map<String, Value>, is: &Map<String, Value>) -> Vec<String> {
    let all = was
        .keys()
        .chain(is.keys().filter(|name| !was.contains_key(*name)));
    let mut names: Vec<String> = all
        .filter(|name| was.get(*name) != is.get(*name))
        .cloned()
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{dag, task};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_new_gone_or_other_is_named_with_its_fields() {
        let earlier = dag(vec![
            task("a", &[], 0),
            task("b", &["a"], 0),
            task("gone", &[], 0),
        ]);
        let mut other = task("b", &["a", "new"], 2);
        other.priority = 7;
        let later = dag(vec![task("new", &[], 0), task("a", &[], 0), other]);
        let difference = Difference::between(&earlier, &later);
        assert_eq!(difference.added, names(&["new"]));
        assert_eq!(difference.removed, names(&["gone"]));
        let changed = Changed {
            task: "b".to_owned(),
            fields: names(&["depends_on", "priority", "retries"]),
        };
        assert_eq!(
            difference.changed,
            [changed],
            "an order of its own changes nothing"
        );
        assert_eq!(difference.dag, names(&[]));
        let mut definition = later.definition().clone();
        definition.max_active_runs = 4;
        let wider = Dag::new(definition).unwrap();
        assert_eq!(
            Difference::between(&later, &wider).dag,
            names(&["max_active_runs"])
        );
        assert!(Difference::between(&later, &later).is_empty());
    }
}
