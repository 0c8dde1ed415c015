//! The words of a statement: what may not stand in it, and how a query is asked about as a table.

use std::iter::Peekable;
use std::str::Chars;

use noctule_executor::{Draft, Leaf, Problem};
use serde_json::Value;

/// Words that begin, end or leave a transaction, or belong to a session.
const NOT_OURS: [&str; 15] = [
    "begin",
    "start",
    "commit",
    "end",
    "rollback",
    "abort",
    "savepoint",
    "release",
    "prepare",
    "listen",
    "unlisten",
    "deallocate",
    "discard",
    "set",
    "reset",
];

/// Judges the words of a statement at a place of a table.
pub(crate) fn check(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    let at = |message: String| Problem::at(path.iter().copied(), message);
    let name = path.last().copied().unwrap_or_default();
    match with.get(path) {
        Leaf::Given(Value::String(text)) => {
            let word = first_word(text);
            if word.is_empty() {
                found.push(at(format!("`{name}` is empty")));
            } else if NOT_OURS.contains(&word.as_str()) {
                found.push(
                    at(format!("`{name}` begins with `{}`", word.to_uppercase())).help(
                        "Each statement runs in a transaction of its own, which is committed when it has succeeded.",
                    ),
                );
            }
        }
        _ => condition(with, path, found),
    }
}

/// Judges a condition or another expression at a place of a table.
pub(crate) fn condition(with: &Draft<'_>, path: &[&str], found: &mut Vec<Problem>) {
    let at = |message: String| Problem::at(path.iter().copied(), message);
    let name = path.last().copied().unwrap_or_default();
    match with.get(path) {
        Leaf::Given(Value::String(text)) if text.trim().is_empty() => {
            found.push(at(format!("`{name}` is empty")));
        }
        Leaf::Templated if !only_vars(with, path) => {
            found.push(
                at(format!("`{name}` holds a template: values must not become part of a statement"))
                    .help("Write $1, $2, … and give the values as `params`. Only `{{ vars.NAME }}` may stand in a statement."),
            );
        }
        _ => {}
    }
}

/// Names of the project file, which no run can choose.
fn only_vars(with: &Draft<'_>, path: &[&str]) -> bool {
    let text = path.iter().try_fold(with.value(), |at, key| at.get(key));
    let Some(text) = text.and_then(Value::as_str) else {
        return false;
    };
    text.split("{{").skip(1).all(|rest| {
        let inside = rest.split("}}").next().unwrap_or_default().trim();
        inside.strip_prefix("vars.").is_some_and(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    })
}

/// The first word, lower-case, after white space and comments.
pub(crate) fn first_word(text: &str) -> String {
    let mut rest = text.chars().peekable();
    skip_comments(&mut rest);
    let mut word = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        word.push(c.to_ascii_lowercase());
    }
    if word.is_empty() {
        return rest.collect();
    }
    word
}

fn skip_comments(rest: &mut Peekable<Chars<'_>>) {
    loop {
        while rest
            .next_if(|c| c.is_whitespace() || *c == ';' || *c == '(')
            .is_some()
        {}
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some('-')) => while rest.next().is_some_and(|c| c != '\n') {},
            (Some('/'), Some('*')) => {
                let (mut depth, mut last) = (0, ' ');
                for c in rest.by_ref() {
                    match (last, c) {
                        ('/', '*') => depth += 1,
                        ('*', '/') => depth -= 1,
                        _ => {
                            last = c;
                            continue;
                        }
                    }
                    last = ' ';
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => return,
        }
    }
}

/// A query as a table that an outer one selects from.
pub(crate) fn as_table(query: &str) -> String {
    let query = query.trim().trim_end_matches(';').trim_end();
    // The new line ends a comment.
    format!("({query}\n) AS row")
}

/// A name as the server takes it: `jobs`, or `app.jobs` for a schema's.
pub(crate) fn quoted(name: &str) -> String {
    let part = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// One name, dots and all.
pub(crate) fn column(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let with = json!({ "query": text });
        let mut found = Vec::new();
        check(&Draft::new(&with), &["query"], &mut found);
        found.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_statement_leaves_its_transaction_alone() {
        for text in [
            "COMMIT",
            " -- a\n/* b /* c */ */ rollback",
            "; begin",
            "SET statement_timeout = 0",
        ] {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
        for text in [
            "SELECT 1",
            "-- COMMIT\nSELECT 1",
            "(SELECT 1)",
            "WITH a AS (SELECT 1) SELECT 2",
        ] {
            assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_condition_may_begin_with_any_column() {
        let with = json!({ "until": "end < now() AND start_at > '2026-01-01'", "empty": " " });
        let mut found = Vec::new();
        condition(&Draft::new(&with), &["until"], &mut found);
        assert_eq!(found, []);
        condition(&Draft::new(&with), &["empty"], &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(problems("start_the_work()"), Vec::<String>::new());
    }

    #[test]
    fn no_value_becomes_part_of_a_statement() {
        assert_eq!(problems("SELECT '{{ params.a }}'").len(), 1);
        assert_eq!(problems("SELECT {{ vars.a }}, {{ params.b }}").len(), 1);
        assert_eq!(problems("SELECT * FROM {{ vars.schema }}.t").len(), 0);
        assert_eq!(problems("  \n").len(), 1);
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("app.jobs"), r#""app"."jobs""#);
        assert_eq!(column(r#"a".b"#), r#""a"".b""#);
    }
}
