//! A `with` table against its executor: the schema, with each templated leaf standing for any value, then the executor's
//! own check.
//!
//! Guarantees: a problem stands at the key that it is about, in whichever file that key came from.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use noctule_executor::{Draft, Problem};
use serde_json::Value;

use super::super::diagnostic::shown;
use super::super::report::{Note, Place, Report};
use super::super::suggest;
use super::super::tree::{Item, Node};
use super::executors::{Compiled, Form};
use super::judge::{Judge, Whose};

/// The most errors of a kind that are placed: each looks for its key, and no more are shown of a file.
const MOST: usize = 1_000;

/// One `with` table, or one like it, that is being checked.
pub(super) struct With<'w, 'a> {
    pub(super) report: &'w Report<'a>,
    pub(super) item: &'w Item<'a>,
    /// Where the table begins.
    pub(super) at: Place,
    pub(super) whose: Whose<'w>,
}

impl With<'_, '_> {
    /// Checks the table, and gives its JSON.
    pub(super) fn check(&self, compiled: &Compiled) -> Value {
        let value = self.item.node.to_json();
        self.check_value(&value, &compiled.form, compiled.executor.as_ref());
        value
    }

    /// The same of a value that was made of the table.
    pub(super) fn check_value<J: Judge + ?Sized>(&self, value: &Value, form: &Form, judge: &J) {
        let mut problems = 0;
        let errors = form
            .validator
            .iter()
            .flat_map(|validator| validator.iter_errors(value));
        for error in errors.take(MOST) {
            problems += self.judge(&error, &form.schema, value);
        }
        for problem in judge.check(&Draft::new(value)) {
            problems += 1;
            self.say(&problem);
        }
        // What a schema cannot say, serde may: but only of a table in which nothing is left to render.
        if problems == 0
            && !has_template(value)
            && let Err(problem) = judge.read_config(value)
        {
            self.say(&problem);
        }
    }

    fn say(&self, problem: &Problem) {
        let path: Vec<&str> = problem.path.iter().map(String::as_str).collect();
        let place = self.place(&path, false);
        self.report.say(
            Note::error(self.whose.code(), place, problem.message.clone())
                .maybe_help(problem.help.clone()),
        );
    }

    /// The place of a value, or of the nearest table around it; with `key`, of the key that names it.
    fn place(&self, path: &[&str], key: bool) -> Place {
        let (mut item, mut place) = (
            self.item,
            if path.is_empty() {
                self.at
            } else {
                self.item.place
            },
        );
        for (depth, part) in path.iter().enumerate() {
            let last = depth + 1 == path.len();
            match &item.node {
                Node::Table(table) => match table.get(part) {
                    Some(entry) => {
                        item = &entry.item;
                        let is_table = matches!(item.node, Node::Table(_));
                        place = if (key && last) || is_table {
                            entry.at
                        } else {
                            item.place
                        };
                    }
                    None => return place,
                },
                Node::List(items) => {
                    match part.parse::<usize>().ok().and_then(|at| items.get(at)) {
                        Some(found) => {
                            item = found;
                            place = item.place;
                        }
                        None => return place,
                    }
                }
                _ => return place,
            }
        }
        place
    }

    /// Reports an error of the schema, unless a template stands where it is; how many problems it makes.
    fn judge(&self, error: &ValidationError<'_>, schema: &Value, value: &Value) -> usize {
        let pointer = error.instance_path().as_str();
        let Some(instance) = value.pointer(pointer) else {
            return 0;
        };
        if is_template(instance) {
            return 0;
        }
        let parts: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        let path: Vec<&str> = parts.iter().map(String::as_str).collect();
        match error.kind() {
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                self.judge_forms(context, schema, value, instance, &path)
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected.iter().take(MOST) {
                    self.unknown_key(&path, key, schema, error.schema_path().as_str());
                }
                unexpected.len()
            }
            ValidationErrorKind::OneOfMultipleValid { .. } | ValidationErrorKind::Not { .. }
                if has_template(instance) =>
            {
                0
            }
            kind => {
                let (message, help) = self.words(kind, instance, &path, error);
                self.report.say(
                    Note::error(self.whose.code(), self.place(&path, false), message)
                        .maybe_help(help),
                );
                1
            }
        }
    }

    /// No form of several fits. Where only one is no "nothing", its problems are the problems.
    fn judge_forms(
        &self,
        forms: &[Vec<ValidationError<'static>>],
        schema: &Value,
        value: &Value,
        instance: &Value,
        path: &[&str],
    ) -> usize {
        if has_template(instance) {
            return 0;
        }
        let mut real = forms
            .iter()
            .filter(|errors| !matches!(errors.as_slice(), [only] if wants_null(only)));
        if let (Some(errors), None) = (real.next(), real.next()) {
            return errors
                .iter()
                .map(|error| self.judge(error, schema, value))
                .sum();
        }
        let message = format!(
            "`{}` has none of the forms that {} takes",
            self.name(path),
            self.whose.words()
        );
        self.report.say(Note::error(
            self.whose.code(),
            self.place(path, false),
            message,
        ));
        1
    }

    fn name(&self, path: &[&str]) -> String {
        if path.is_empty() {
            self.whose.root()
        } else {
            name(path)
        }
    }

    fn unknown_key(&self, path: &[&str], key: &str, schema: &Value, schema_path: &str) {
        let known: Vec<&str> = properties(schema, schema_path);
        let guess = self.report.did_you_mean(key, known.iter().copied());
        let mut full = path.to_vec();
        full.push(key);
        let message = format!(
            "{} knows no key `{}`{guess}",
            self.whose.words(),
            shown(key)
        );
        let note = Note::error("unknown_key", self.place(&full, true), message);
        self.report
            .say(note.maybe_help(suggest::known("it knows", known)));
    }

    fn words(
        &self,
        kind: &ValidationErrorKind,
        instance: &Value,
        path: &[&str],
        error: &ValidationError<'_>,
    ) -> (String, Option<String>) {
        let key = self.name(path);
        match kind {
            ValidationErrorKind::Required { property } => {
                let missing = property.as_str().unwrap_or_default();
                let whose = self.whose.words();
                (format!("{whose} needs a key `{missing}` in `{key}`"), None)
            }
            ValidationErrorKind::Type { kind } => (
                format!(
                    "`{key}`: expected {}, found {}",
                    expected(kind),
                    word(instance)
                ),
                None,
            ),
            ValidationErrorKind::Enum { options } => {
                let known: Vec<&str> = options
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let text = instance
                    .as_str()
                    .map_or_else(|| instance.to_string(), str::to_owned);
                let guess = self.report.did_you_mean(&text, known.iter().copied());
                (
                    format!("`{}` is no value of `{key}`{guess}", shown(&text)),
                    suggest::known("allowed are", known),
                )
            }
            ValidationErrorKind::Pattern { pattern } => (
                format!(
                    "`{key}`: {} does not match `{}`",
                    shown(&instance.to_string()),
                    shown(pattern)
                ),
                None,
            ),
            ValidationErrorKind::Minimum { limit } => (
                format!("`{key}` must be at least {limit}, found {instance}"),
                None,
            ),
            ValidationErrorKind::Maximum { limit } => (
                format!("`{key}` must be at most {limit}, found {instance}"),
                None,
            ),
            _ => (format!("`{key}`: {error}"), None),
        }
    }
}

fn name(path: &[&str]) -> String {
    let mut name = String::new();
    for part in path {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            name.push_str(&format!("[{part}]"));
        } else {
            name.push_str(if name.is_empty() { "" } else { "." });
            name.push_str(part);
        }
    }
    shown(&name)
}

fn wants_null(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(kind) } if kind.to_string() == "null")
}

pub(super) fn is_template(value: &Value) -> bool {
    Draft::is_template(value)
}

/// Whether a template stands anywhere in a value; trees of files are of bounded depth.
pub(super) fn has_template(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(table) => table.values().any(has_template),
        other => is_template(other),
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "table",
    }
}

fn expected(kind: &TypeKind) -> String {
    let words: Vec<&str> = match kind {
        TypeKind::Single(kind) => vec![ours(&kind.to_string())],
        TypeKind::Multiple(kinds) => kinds
            .iter()
            .map(|kind| ours(&kind.to_string()))
            .filter(|word| *word != "none")
            .collect(),
    };
    words.join(" or ")
}

fn ours(word: &str) -> &'static str {
    match word {
        "string" => "text",
        "object" => "table",
        "array" => "list",
        "integer" => "integer",
        "number" => "number",
        "boolean" => "boolean",
        _ => "none",
    }
}

/// The properties beside a keyword of a schema, through references within it.
fn properties<'s>(schema: &'s Value, keyword: &str) -> Vec<&'s str> {
    let mut at = schema;
    let parts: Vec<&str> = keyword.split('/').skip(1).collect();
    for part in parts.split_last().map_or(&[][..], |(_, parents)| parents) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = if part == "$ref" {
            at.get("$ref")
                .and_then(Value::as_str)
                .and_then(|target| schema.pointer(target.trim_start_matches('#')))
        } else {
            at.get(&part)
                .or_else(|| part.parse::<usize>().ok().and_then(|index| at.get(index)))
        };
        let Some(next) = next else { return Vec::new() };
        at = next;
    }
    let properties = at.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
        .collect()
}
