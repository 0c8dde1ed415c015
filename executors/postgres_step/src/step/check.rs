//! What a schema cannot say about the table of a `postgres_step`. Pure.

use noctule_executor::{Draft, Leaf, Problem};
use reqwest::Url;
use serde_json::Value;

use crate::query::check_params;
use crate::statement;

const LAUNCHES: [&str; 4] = ["insert", "update", "statement", "call"];
const STATEMENTS: [&[&str]; 3] = [&["statement"], &["watch", "query"], &["cancel"]];
const EXPRESSIONS: [&str; 5] = [
    "done_when",
    "failed_when",
    "cancelled_when",
    "running_when",
    "message",
];

/// Every problem of a table.
pub(crate) fn problems(with: &Draft<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    launches(with, &mut found);
    for path in STATEMENTS {
        statement::check(with, path, &mut found);
    }
    for key in EXPRESSIONS {
        statement::condition(with, &[key], &mut found);
    }
    for path in [&["params"][..], &["watch", "params"], &["cancel_params"]] {
        check_params(with, path, &mut found);
    }
    for path in [&["insert", "table"][..], &["update", "table"]] {
        table(with, path, &mut found);
    }
    claim(with, &mut found);
    call(with, &mut found);
    found
}

fn launches(with: &Draft<'_>, found: &mut Vec<Problem>) {
    let given: Vec<&str> = LAUNCHES
        .into_iter()
        .filter(|key| with.get(&[key]) != Leaf::Absent)
        .collect();
    let help = "A step is launched by one of `insert`, `update`, `statement` and `call`.";
    match given[..] {
        [] => found.push(Problem::at([], "nothing launches the work").help(help)),
        [one] => {
            let shows_itself = matches!(one, "insert" | "update");
            if !shows_itself && with.get(&["watch"]) == Leaf::Absent {
                found.push(
                    Problem::at(
                        ["watch"],
                        format!("`{one}` does not say where its row is seen"),
                    )
                    .help("Give `watch = { query = \"SELECT … WHERE …\", params = […] }`."),
                );
            }
        }
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` cannot both launch the work");
            found.push(Problem::at([second], message).help(help));
        }
    }
}

fn table(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    if let Some(name) = with.text(path)
        && name.split('.').any(str::is_empty)
    {
        let message = format!("{name:?} is no name of a table");
        found.push(Problem::at(path.iter().copied(), message));
    }
}

fn claim(with: &Draft<'_>, found: &mut Vec<Problem>) {
    if let Leaf::Given(Value::Object(which)) = with.get(&["update", "where"])
        && which.is_empty()
    {
        found.push(Problem::at(
            ["update", "where"],
            "no column names the row: every row would be claimed",
        ));
    }
}

fn call(with: &Draft<'_>, found: &mut Vec<Problem>) {
    if let Some(method) = with.text(&["call", "method"])
        && !matches!(method, "POST" | "PUT" | "PATCH" | "DELETE" | "GET")
    {
        let message = format!("{method:?} is no method of a call");
        found.push(Problem::at(["call", "method"], message));
    }
    if let Some(url) = with.text(&["call", "url"])
        && let Err(message) = address(url)
    {
        found.push(Problem::at(["call", "url"], message));
    }
    let body = with.get(&["call", "json"]);
    let takes_a_field = matches!(body, Leaf::Given(Value::Object(_)) | Leaf::Templated);
    if with.get(&["call", "key_field"]) != Leaf::Absent && !takes_a_field {
        let message = "`key_field` needs a `json` body that is a table";
        found.push(Problem::at(["call", "key_field"], message));
    }
}

/// Reads an address; a user or a password may not stand in it.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`url` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`url` is `{}:`, not http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` holds a user or a password: put it into a header".to_owned());
    }
    Ok(url)
}
