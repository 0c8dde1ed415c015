//! The problems of a `with` table that its schema cannot say, found before anything is rendered.
//!
//! Guarantees: pure; every problem at once; a leaf that is still a template is never judged.

use noctule_executor::{Draft, Leaf, Problem, Text};
use serde_json::Value;

use crate::{request, rules};

type Rule = fn(&str) -> Result<(), String>;

const RULES: [(&str, Rule); 6] = [
    ("job", rules::job),
    ("region", rules::region),
    ("project", rules::project),
    ("container", rules::container),
    ("task_count", |text| rules::task_count(text).map(drop)),
    ("task_timeout", |text| rules::task_timeout(text).map(drop)),
];

/// Every problem of a draft.
pub(crate) fn problems(draft: &Draft<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, rule) in RULES {
        if let Leaf::Given(value) = draft.get(&[key])
            && let Some(text) = Text::of(value)
            && let Err(error) = rule(text.as_str())
        {
            problems.push(Problem::at([key], error));
        }
    }
    if let Leaf::Given(Value::Object(env)) = draft.get(&["env"]) {
        let ours = 1 + usize::from(wants_indexes(draft));
        if let Err(error) = rules::variable_count(env.len(), ours) {
            problems.push(Problem::at(["env"], error));
        }
        problems.extend(env.iter().filter_map(|(name, value)| variable(name, value)));
    }
    if wants_indexes(draft) {
        problems.extend(index_problem(draft));
    }
    problems
}

fn wants_indexes(draft: &Draft<'_>) -> bool {
    draft.get(&["retry_failed_indexes"]) == Leaf::Given(&Value::Bool(true))
}

fn index_problem(draft: &Draft<'_>) -> Option<Problem> {
    match draft.get(&["task_count"]) {
        Leaf::Absent => Some(request::no_task_count()),
        Leaf::Templated => None,
        Leaf::Given(value) => {
            let count = rules::task_count(Text::of(value)?.as_str()).ok()?;
            let error = rules::index_count(count).err()?;
            Some(Problem::at(["task_count"], error))
        }
    }
}

fn variable(name: &str, value: &Value) -> Option<Problem> {
    let at = |error| Problem::at(["env", name], error);
    if let Err(error) = rules::variable_name(name) {
        return Some(at(error));
    }
    if Draft::is_template(value) {
        return None;
    }
    let reference = value.as_object();
    if reference.is_some_and(|table| table.len() == 1 && table.contains_key("secret")) {
        return None;
    }
    let text = Text::of(value)?;
    rules::variable_value(text.as_str()).err().map(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_at_once() {
        let with = json!({
            "job": "a/b", "region": "us-central1", "project": "p", "task_count": 10_001, "task_timeout": "1y",
            "env": { "NOCTULE_ATTEMPT_KEY": "{{ x }}", "S=": { "secret": "s" }, "T": { "secret": "s" }, "FINE": "x" },
        });
        let problems = problems(&Draft::new(&with));
        let mut paths: Vec<_> = problems.iter().map(|p| p.path.join(".")).collect();
        paths.sort();
        assert_eq!(
            paths,
            [
                "env.NOCTULE_ATTEMPT_KEY",
                "env.S=",
                "job",
                "task_count",
                "task_timeout"
            ]
        );
    }

    #[test]
    fn the_indexes_that_fail_are_known_only_of_a_count_that_is_given_and_not_too_great() {
        let base = json!({ "job": "etl", "region": "r1" });
        for (key, value, path) in [
            (
                "retry_failed_indexes",
                json!(true),
                Some("retry_failed_indexes"),
            ),
            ("retry_failed_indexes", json!(false), None),
            ("task_count", json!(1_000), None),
            ("task_count", json!("1001"), Some("task_count")),
            ("task_count", json!("{{ params.n }}"), None),
        ] {
            let mut with = base.clone();
            with["retry_failed_indexes"] = json!(true);
            with[key] = value;
            let found = problems(&Draft::new(&with));
            let paths: Vec<_> = found.iter().map(|p| p.path.join(".")).collect();
            assert_eq!(paths, Vec::from_iter(path), "{with}");
        }
    }

    #[test]
    fn templates_are_not_judged() {
        let with = json!({
            "job": "{{ params.job }}", "region": "{{ vars.region }}", "task_count": "{{ params.n }}",
            "env": { "A": "{{ params.a }}" },
        });
        assert_eq!(problems(&Draft::new(&with)), []);
        assert_eq!(problems(&Draft::new(&json!("{{ everything }}"))), []);
    }
}
