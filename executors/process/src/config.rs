//! The `with` table of a process task, and what is wrong with it.

use std::collections::BTreeMap;

use noctule_executor::{Draft, Entry, Leaf, Problem, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A local command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments. Nothing passes through a shell unless it is named here.
    #[schemars(length(min = 1))]
    pub command: Vec<Text>,
    /// Environment variables, over the small inherited set (`PATH`, `HOME`, `LANG`, `TZ`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Entry>,
    /// Names of further variables to take from the engine's environment; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherit_env: Vec<String>,
    /// The working directory; that of the engine if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Text>,
    /// Text that the command reads on its standard input; empty if absent. A secret is best given here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Entry>,
}

/// The variables that Noctule itself sets.
pub(crate) const RESERVED: [&str; 5] = [
    "NOCTULE_ATTEMPT_KEY",
    "NOCTULE_INGESTION_ID",
    "NOCTULE_OUTPUT",
    "NOCTULE_RUN_ID",
    "NOCTULE_TASK",
];

/// Every problem of a table as it stands in the file.
pub(crate) fn check(with: &Draft<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Leaf::Given(Value::Array(command)) = with.get(&["command"]) {
        problems.extend(check_command(command));
    }
    if let Leaf::Given(Value::Object(env)) = with.get(&["env"]) {
        problems.extend(env.keys().filter_map(|name| check_name(name)));
    }
    if with.text(&["cwd"]) == Some("") {
        problems.push(Problem::at(["cwd"], "the working directory is empty"));
    }
    problems
}

fn check_command(command: &[Value]) -> Option<Problem> {
    match command.first() {
        None => Some(
            Problem::at(["command"], "the command is empty")
                .help("Name the program first: command = [\"prog\", \"arg\"]."),
        ),
        Some(Value::String(program)) => check_program(program, command.len()),
        Some(_) => None,
    }
}

fn check_program(program: &str, words: usize) -> Option<Problem> {
    if program.is_empty() {
        return Some(Problem::at(["command"], "the program name is empty"));
    }
    let looks_like_a_line = words == 1
        && program.contains(' ')
        && !program.contains('/')
        && !Draft::is_template(&Value::String(program.to_owned()));
    looks_like_a_line.then(|| {
        Problem::at(
            ["command"],
            format!("`{program}` is a whole command line in one item"),
        )
        .help(
            "Give each argument its own item, or name a shell: command = [\"sh\", \"-c\", \"…\"].",
        )
    })
}

fn check_name(name: &str) -> Option<Problem> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Some(Problem::at(
            ["env", name],
            format!("`{name}` cannot be the name of an environment variable"),
        ));
    }
    RESERVED
        .contains(&name)
        .then(|| Problem::at(["env", name], format!("`{name}` is set by Noctule itself")))
}

impl Config {
    /// The first problem of a rendered configuration.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let program = self.command.first().map_or("", Text::as_str);
        if program.is_empty() {
            return Some(Problem::at(["command"], "the command is empty"));
        }
        let nul = |text: &str| text.contains('\0');
        if self.command.iter().any(|word| nul(word.as_str())) {
            return Some(Problem::at(
                ["command"],
                "an argument holds a NUL character",
            ));
        }
        let holds_nul = |entry: &Entry| entry.plain().is_some_and(nul);
        if let Some((name, _)) = self.env.iter().find(|(_, entry)| holds_nul(entry)) {
            let message = format!("the value of `{name}` holds a NUL character");
            return Some(Problem::at(["env", name], message));
        }
        if self
            .cwd
            .as_ref()
            .is_some_and(|cwd| nul(cwd.as_str()) || cwd.as_str().is_empty())
        {
            return Some(Problem::at(["cwd"], "the working directory is not a path"));
        }
        self.env.keys().find_map(|name| check_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(with: &Value) -> Vec<String> {
        let problems = check(&Draft::new(with));
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    #[test]
    fn every_problem_is_told_at_once_and_templates_are_not_judged() {
        let found = messages(&json!({"command": [], "env": {"A=B": "x", "NOCTULE_TASK": "x"}}));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            messages(&json!({"command": "{{ vars.command }}", "env": {"A": "{{ x }}"}})).is_empty()
        );
        assert!(messages(&json!({"command": ["{{ vars.program }}"]})).is_empty());
    }

    #[test]
    fn a_whole_command_line_in_one_item_is_pointed_out() {
        assert_eq!(messages(&json!({"command": ["ls -l"]})).len(), 1);
        assert!(messages(&json!({"command": ["/opt/my tool/run"]})).is_empty());
    }

    #[test]
    fn unknown_keys_are_refused() {
        let config = json!({"command": ["true"], "shell": true});
        assert!(serde_json::from_value::<Config>(config).is_err());
    }
}
