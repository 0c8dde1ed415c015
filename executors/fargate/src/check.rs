//! The problems of a `with` table that its schema cannot say, found before anything is rendered.
//!
//! Guarantees: pure; every problem at once; a leaf that is still a template is never judged, nor is an empty one, which
//! counts as absent.

use noctule_executor::{Draft, Leaf, Problem, Text};
use serde_json::Value;

use crate::config::Names;
use crate::rules;

type Rule = fn(&str) -> Result<(), String>;

const RULES: [(&[&str], Rule); 14] = [
    (&["cluster"], rules::cluster),
    (&["task_definition"], rules::definition),
    (&["container"], rules::container),
    (&["capacity"], rules::capacity),
    (&["cpu"], rules::size),
    (&["memory"], rules::size),
    (&["target_group"], rules::target_group),
    (&["port"], |text| rules::port(text).map(drop)),
    (&["health", "ready_timeout"], |text| {
        rules::ready_timeout(text).map(drop)
    }),
    (&["platform_version"], rules::platform_version),
    (&["task_role"], rules::role),
    (&["execution_role"], rules::role),
    (&["log", "region"], rules::region),
    (&["after_failure"], rules::after_failure),
];

/// A rule for a list of names.
type ListRule = fn(&[String]) -> Result<(), String>;

const LISTS: [(&str, ListRule); 2] = [
    ("subnets", rules::subnets),
    ("security_groups", rules::security_groups),
];

/// Every problem of a draft.
pub(crate) fn problems(draft: &Draft<'_>) -> Vec<Problem> {
    let scalars = RULES.iter().filter_map(|(path, rule)| {
        let Leaf::Given(value) = draft.get(path) else {
            return None;
        };
        let text = Text::of(value)?;
        let judged = !text.as_str().is_empty() || path == &["task_definition"];
        let error = judged.then(|| rule(text.as_str()).err()).flatten()?;
        Some(Problem::at(path.iter().copied(), error))
    });
    let mut problems: Vec<_> = scalars.collect();
    problems.extend(
        LISTS
            .iter()
            .filter_map(|(key, rule)| list(draft, key, *rule)),
    );
    problems.extend(env(draft));
    problems.extend(tags(draft));
    problems.extend(target_without_port(draft));
    problems.extend(too_long(draft));
    problems
}

fn list(draft: &Draft<'_>, key: &'static str, rule: ListRule) -> Option<Problem> {
    let Leaf::Given(value) = draft.get(&[key]) else {
        return None;
    };
    let items = value.as_array();
    if items.is_some_and(|items| items.iter().any(Draft::is_template)) {
        return None;
    }
    let error = rule(&Names::of(value)?.0).err()?;
    Some(Problem::at([key], error))
}

fn env(draft: &Draft<'_>) -> Vec<Problem> {
    let Leaf::Given(Value::Object(env)) = draft.get(&["env"]) else {
        return Vec::new();
    };
    let names = env.keys();
    names
        .filter_map(|name| {
            let error = rules::variable_name(name).err()?;
            Some(Problem::at(["env", name], error))
        })
        .collect()
}

fn tags(draft: &Draft<'_>) -> Vec<Problem> {
    let Leaf::Given(Value::Object(tags)) = draft.get(&["tags"]) else {
        return Vec::new();
    };
    let count = rules::tag_count(tags.len()).err();
    let mut problems: Vec<_> = count
        .map(|e| Problem::at(["tags"], e))
        .into_iter()
        .collect();
    for (name, value) in tags {
        let text = match Text::of(value) {
            Some(text) if !Draft::is_template(value) => text.0,
            _ => String::new(),
        };
        if let Err(error) = rules::tag(name, &text) {
            problems.push(Problem::at(["tags", name], error));
        }
    }
    problems
}

/// A target has a port.
fn target_without_port(draft: &Draft<'_>) -> Option<Problem> {
    let empty = |leaf| leaf == Leaf::Absent || leaf == Leaf::Given(&Value::String(String::new()));
    let with_target = !empty(draft.get(&["target_group"]));
    (with_target && empty(draft.get(&["port"]))).then(|| {
        Problem::at(["target_group"], "a target needs a `port`")
            .help("set `port` to the port that the container listens on")
    })
}

/// What stands in the file alone may be too long already.
fn too_long(draft: &Draft<'_>) -> Option<Problem> {
    let written = ["command", "env"].map(|key| match draft.get(&[key]) {
        Leaf::Given(value) => value.to_string(),
        Leaf::Absent | Leaf::Templated => String::new(),
    });
    let key = if written[0].len() > written[1].len() {
        "command"
    } else {
        "env"
    };
    let has_template = written.iter().any(|text| text.contains("{{"));
    let error = rules::overrides(&written.concat()).err()?;
    (!has_template).then(|| {
        Problem::at([key], error).help("pass large values by reference: the URL of an object")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(with: &Value) -> Vec<String> {
        let mut paths: Vec<_> = problems(&Draft::new(with))
            .iter()
            .map(|problem| problem.path.join("."))
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn every_problem_at_once() {
        let with = json!({
            "cluster": "a b", "task_definition": "etl:x", "container": "a.b", "capacity": "EC2", "cpu": 0,
            "memory": "many", "target_group": "web", "port": 70_000, "health": { "ready_timeout": "5" },
            "platform_version": "x", "task_role": "a b", "execution_role": "c d", "log": { "region": "r" },
            "after_failure": "keep", "subnets": ["sg-1"], "security_groups": "subnet-1",
            "env": { "NOCTULE_RUN_ID": "{{ x }}", "FINE": "x" }, "tags": { "aws:x": "y", "fine": "z" },
        });
        assert_eq!(
            paths(&with),
            [
                "after_failure",
                "capacity",
                "cluster",
                "container",
                "cpu",
                "env.NOCTULE_RUN_ID",
                "execution_role",
                "health.ready_timeout",
                "log.region",
                "memory",
                "platform_version",
                "port",
                "security_groups",
                "subnets",
                "tags.aws:x",
                "target_group",
                "task_definition",
                "task_role",
            ]
        );
    }

    #[test]
    fn templates_and_empty_values_are_not_judged() {
        let with = json!({
            "cluster": "{{ vars.c }}", "task_definition": "{{ params.d }}", "subnets": ["{{ vars.s }}"], "cpu": "",
            "security_groups": "", "capacity": "", "env": { "A": "{{ params.a }}" }, "tags": { "t": "{{ params.t }}" },
            "port": "{{ vars.port }}", "target_group": "{{ vars.t }}", "command": ["{{ params.x }}", "x".repeat(9_000)],
        });
        assert_eq!(paths(&with), Vec::<String>::new());
        assert_eq!(problems(&Draft::new(&json!("{{ everything }}"))), []);
    }

    #[test]
    fn a_target_has_a_port() {
        let group = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";
        let mut with = json!({ "task_definition": "etl", "target_group": group });
        assert_eq!(paths(&with), ["target_group"]);
        with["port"] = json!(8080);
        assert_eq!(paths(&with), Vec::<String>::new());
    }

    #[test]
    fn an_empty_definition_and_long_overrides_are_problems() {
        assert_eq!(
            paths(&json!({ "task_definition": "" })),
            ["task_definition"]
        );
        let with = json!({ "task_definition": "etl", "env": { "A": "x".repeat(8_200) } });
        assert_eq!(paths(&with), ["env"]);
    }
}
