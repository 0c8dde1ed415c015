//! `until`, `fail_if` and the address to ask: expressions over an answer, in the language of every DAG file.
//!
//! `body`, `status_code` and `headers` are the fields of the answer that is judged; `answer.body` says the same. A field
//! that the answer does not have is none. An expression is bounded in work and does nothing but compute.

use serde_json::Value;

use noctule_core::template::{Known, Scope, Site, check_expression, holds, render_text};

/// The fields of an answer that an expression may name by themselves.
const FIELDS: [&str; 3] = ["body", "headers", "status_code"];

/// One expression.
pub(crate) struct Judge {
    expression: String,
}

impl Judge {
    pub(crate) fn new(expression: &str) -> Self {
        Self {
            expression: rooted(expression),
        }
    }

    /// What is wrong with it, and how to mend that.
    pub(crate) fn problems(&self) -> Vec<(String, Option<String>)> {
        check_expression(&self.expression, &Known::at(Site::Poll))
            .into_iter()
            .map(|problem| (problem.message, problem.help))
            .collect()
    }

    /// Whether it holds for an answer (`{status_code, headers, body}`).
    pub(crate) fn holds(&self, answer: &Value) -> Result<bool, String> {
        holds(&self.expression, &Scope::of_answer(answer)).map_err(|error| error.to_string())
    }

    /// Whether it says itself what a status means.
    pub(crate) fn reads_status(&self) -> bool {
        self.expression.contains("answer.status_code")
    }
}

/// An address with `{{ answer… }}` filled in from the first answer.
pub(crate) fn address(template: &str, answer: &Value) -> Result<String, String> {
    match render_text(template, &Scope::of_answer(answer)) {
        Ok(Some(text)) if !text.is_empty() => Ok(text),
        Ok(_) => Err(format!("`{template}` gives none")),
        Err(error) => Err(error.to_string()),
    }
}

/// The expression with `answer.` before every field that stands by itself.
fn rooted(expression: &str) -> String {
    let mut rooted = String::with_capacity(expression.len() + 16);
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let token = &rest[..token_length(rest, first)];
        rest = &rest[token.len()..];
        let follows_name = rooted.trim_end().ends_with(['.', '|']);
        let names_argument =
            rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("==");
        if FIELDS.contains(&token) && !follows_name && !names_argument {
            rooted.push_str("answer.");
        }
        rooted.push_str(token);
    }
    rooted
}

fn token_length(text: &str, first: char) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if matches!(first, '\'' | '"') {
        return quoted_length(text, first);
    }
    if is_word(first) {
        return text.find(|c| !is_word(c)).unwrap_or(text.len());
    }
    first.len_utf8()
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_by_themselves_are_fields_of_the_answer() {
        for (written, meant) in [
            ("body.state == 'done'", "answer.body.state == 'done'"),
            ("answer.body.state == 'body'", "answer.body.state == 'body'"),
            (
                "status_code in [200, 204] and headers['x'] == \"a\\\"body\"",
                "answer.status_code in [200, 204] and answer.headers['x'] == \"a\\\"body\"",
            ),
            ("bodyguard", "bodyguard"),
            ("body.body . body", "answer.body.body . body"),
        ] {
            assert_eq!(rooted(written), meant);
        }
    }

    #[test]
    fn a_field_that_is_missing_is_none() {
        let answer = json!({ "status_code": 200, "headers": {}, "body": { "a": 1 } });
        for expression in [
            "body.error is none",
            "body.x.y.z == none",
            "body.a == 1 and status_code == 200",
            "not (body.state == 'done')",
        ] {
            assert_eq!(
                Judge::new(expression).holds(&answer),
                Ok(true),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_cannot_be_judged_is_found_before_it_runs() {
        assert!(Judge::new("body.state == ").problems().len() == 1);
        assert!(!Judge::new("run.id == 'x'").problems().is_empty());
        assert!(!Judge::new("range(10)").problems().is_empty());
        assert!(
            Judge::new("body.state in ['done', 'ok']")
                .problems()
                .is_empty()
        );
    }

    #[test]
    fn an_address_needs_its_field() {
        let answer = json!({ "body": { "id": 7, "status_url": "/jobs/7" } });
        assert_eq!(
            address("{{ answer.body.status_url }}", &answer),
            Ok("/jobs/7".to_owned())
        );
        assert_eq!(
            address("/jobs/{{ answer.body.id }}", &answer),
            Ok("/jobs/7".to_owned())
        );
        assert!(
            address("{{ answer.body.nothing }}", &answer)
                .unwrap_err()
                .contains("nothing")
        );
    }
}
