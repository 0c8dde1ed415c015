//! What a schema cannot say about a `with` table. Pure; places that are not rendered yet are not judged.

use serde_json::{Map, Value};

use noctule_executor::{Draft, Leaf, Problem};

use crate::judging::Judge;
use crate::{header, target};

/// Every problem of a table.
pub(crate) fn problems(with: &Draft<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    if with.get(&["json"]) != Leaf::Absent && with.get(&["body"]) != Leaf::Absent {
        found.push(Problem::at(
            ["body"],
            "`json` and `body` cannot both be sent",
        ));
    }
    method(with, &["method"], &mut found);
    method(with, &["poll", "method"], &mut found);
    url(with, &mut found);
    headers(with, &["headers"], &mut found);
    headers(with, &["poll", "headers"], &mut found);
    statuses(with, &mut found);
    session(with, &mut found);
    for key in ["until", "fail_if"] {
        judgement(with, key, &mut found);
    }
    found
}

fn method(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    if let Some(text) = with.text(path)
        && !is_method(text)
    {
        let message = format!("{text:?} is no method");
        found.push(
            Problem::at(path.iter().copied(), message)
                .help("Methods are upper-case words, such as `PUT`."),
        );
    }
}

/// Whether a text is a method; `CONNECT` is none of a task's.
pub(crate) fn is_method(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase()) && text != "CONNECT"
}

fn url(with: &Draft<'_>, found: &mut Vec<Problem>) {
    match with.get(&["url"]) {
        Leaf::Given(Value::String(text)) if !target::is_path(text) => {
            found.extend(target::absolute(text).map_err(target::problem).err());
        }
        Leaf::Given(Value::Object(_)) if with.get(&["poll"]) != Leaf::Absent => {
            let problem = Problem::at(["url"], "a secret `url` cannot be used with `poll`")
                .help("The address of the work is remembered: put the secret into a header.");
            found.push(problem);
        }
        _ => {}
    }
}

fn headers(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    let Leaf::Given(Value::Object(headers)) = with.get(path) else {
        return;
    };
    found.extend(headers.iter().filter_map(|(name, value)| {
        let message = header_problem(name, value)?;
        Some(Problem::at(
            path.iter().copied().chain([name.as_str()]),
            message,
        ))
    }));
}

fn header_problem(name: &str, value: &Value) -> Option<String> {
    if let Err(message) = header::name(name) {
        return Some(message);
    }
    let text = value.as_str().filter(|_| !Draft::is_template(value))?;
    header::value(text).err()
}

fn statuses(with: &Draft<'_>, found: &mut Vec<Problem>) {
    let Leaf::Given(Value::Array(statuses)) = with.get(&["expect"]) else {
        return;
    };
    let is_status = |value: &Value| value.as_u64().is_some_and(|s| (200..600).contains(&s));
    for status in statuses {
        if !is_status(status) && !Draft::is_template(status) {
            found.push(Problem::at(
                ["expect"],
                format!("{status} is no status of an answer"),
            ));
        }
    }
    if statuses.is_empty() {
        found.push(Problem::at(["expect"], "no status would mean success"));
    }
}

fn session(with: &Draft<'_>, found: &mut Vec<Problem>) {
    let Some(text) = with.text(&["session"]) else {
        return;
    };
    let problem = match header::value(text) {
        _ if text.trim().is_empty() || text.trim() != text => {
            Err("a session is a text without spaces around it".to_owned())
        }
        typed => typed,
    };
    found.extend(
        problem
            .err()
            .map(|message| Problem::at(["session"], message)),
    );
}

fn judgement(with: &Draft<'_>, key: &str, found: &mut Vec<Problem>) {
    let poll = match with.get(&["poll"]) {
        Leaf::Given(Value::Object(poll)) => poll,
        _ => &Map::new(),
    };
    if let Some(Value::String(expression)) = poll.get(key) {
        let problems = Judge::new(expression).problems();
        found.extend(problems.into_iter().map(|(message, help)| {
            let problem = Problem::at(["poll", key], message);
            match help {
                Some(help) => problem.help(help),
                None => problem,
            }
        }));
    }
}
