//! `[params.*]`: declarations that agree with themselves.
//!
//! Guarantees: a default is a value that a run could be given; patterns are linear and compiled once for a load.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use chrono::NaiveDate;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::super::diagnostic::shown;
use super::super::fields::{Fields, wrong_type};
use super::super::report::Note;
use super::super::tree::{Item, Node};
use super::World;
use crate::dag::{Param, ParamKind};
use crate::name::is_identifier;

/// The words of the types.
const KINDS: [(&str, ParamKind); 7] = [
    ("string", ParamKind::String),
    ("integer", ParamKind::Integer),
    ("number", ParamKind::Number),
    ("boolean", ParamKind::Boolean),
    ("date", ParamKind::Date),
    ("list", ParamKind::List),
    ("object", ParamKind::Object),
];

/// A compiled pattern may take this much memory.
const PATTERN_SIZE: usize = 1 << 20;

/// Patterns of parameters, each compiled once.
#[derive(Debug, Default)]
pub(in super::super) struct Patterns {
    compiled: RefCell<HashMap<String, Result<Rc<Regex>, String>>>,
}

impl Patterns {
    /// The pattern, which the whole text must match.
    pub(in super::super) fn get(&self, pattern: &str) -> Result<Rc<Regex>, String> {
        if let Some(found) = self.compiled.borrow().get(pattern) {
            return found.clone();
        }
        let built = compile(pattern).map(Rc::new);
        self.compiled
            .borrow_mut()
            .insert(pattern.to_owned(), built.clone());
        built
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    // Alone first: a pattern such as `a)(b` must not become well-formed by what is put around it.
    let build = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_SIZE).build();
    let built = regex_syntax_check(pattern).and_then(|()| build(&format!("^(?:{pattern})$")));
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => other
            .to_string()
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .trim_start_matches("error: ")
            .to_owned(),
    })
}

fn regex_syntax_check(pattern: &str) -> Result<(), regex::Error> {
    // Only a pattern with a closing parenthesis can close the group around it.
    if pattern.contains(')') {
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .build()
            .map(|_| ())
    } else {
        Ok(())
    }
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    top: &Fields<'_, 'a>,
    scheduled: bool,
) -> BTreeMap<String, Param> {
    let mut params = BTreeMap::new();
    let Some(table) = top.table("params") else {
        return params;
    };
    for entry in &table.table.entries {
        if !is_identifier(&entry.key) {
            let note = Note::error(
                "bad_name",
                entry.at,
                format!("`{}` is no name of a param", shown(&entry.key)),
            );
            world
                .report
                .say(note.help("letters, digits and `_`, the first no digit, at most 128"));
        }
        let Some(fields) = Fields::of_entry(world.report, entry) else {
            continue;
        };
        if let Some(param) = read_one(world, &fields, &entry.key) {
            if scheduled && param.default.is_none() && !param.optional {
                let message = format!(
                    "param `{}` has no default, and a scheduled run has nobody to give it",
                    shown(&entry.key)
                );
                world.report.say(
                    Note::error("param", entry.at, message)
                        .help("add a `default`, or `optional = true`"),
                );
            }
            params.insert(entry.key.to_string(), param);
        }
        fields.finish("a param");
    }
    params
}

fn read_one(world: &World<'_, '_>, fields: &Fields<'_, '_>, name: &str) -> Option<Param> {
    fields.required("type", "a param");
    let kind = fields.choice("type", &KINDS);
    let value = |key: &'static str| fields.entry(key).map(|entry| &entry.item);
    let (default, choices) = (value("default"), value("enum"));
    let param = Param {
        kind: kind.unwrap_or(ParamKind::String),
        description: fields.text("description"),
        default: default.map(|item| item.node.to_json()),
        optional: fields.flag("optional").unwrap_or(false),
        pattern: fields.text("pattern"),
        choices: choices.and_then(|item| read_choices(fields, item)),
        minimum: fields.number("minimum"),
        maximum: fields.number("maximum"),
    };
    kind?;
    check_pattern(world, fields, &param);
    check_bounds(fields, &param);
    let items = match choices.map(|item| &item.node) {
        Some(Node::List(items)) => items.as_slice(),
        _ => &[],
    };
    let unlimited = Param {
        choices: None,
        ..param.clone()
    };
    for item in items {
        check_value(world, item, &unlimited, name);
    }
    if let Some(item) = default {
        check_value(world, item, &param, name);
    }
    Some(param)
}

fn read_choices(fields: &Fields<'_, '_>, item: &Item<'_>) -> Option<Vec<Value>> {
    let Node::List(items) = &item.node else {
        wrong_type(fields.report, "enum", item, "list");
        return None;
    };
    if items.is_empty() {
        fields.bad_value("enum", "`enum` is empty: no value would be allowed");
    }
    Some(items.iter().map(|item| item.node.to_json()).collect())
}

fn check_pattern(world: &World<'_, '_>, fields: &Fields<'_, '_>, param: &Param) {
    let Some(pattern) = &param.pattern else {
        return;
    };
    if param.kind != ParamKind::String {
        fields.bad_value("pattern", "`pattern` is for params of type string");
    }
    if let Err(error) = world.patterns.get(pattern) {
        fields.bad_value(
            "pattern",
            format!("`pattern` is no regular expression: {error}"),
        );
    }
}

fn check_bounds(fields: &Fields<'_, '_>, param: &Param) {
    let numeric = matches!(param.kind, ParamKind::Integer | ParamKind::Number);
    for (key, bound) in [("minimum", param.minimum), ("maximum", param.maximum)] {
        if bound.is_some() && !numeric {
            fields.bad_value(
                key,
                format!("`{key}` is for params of type integer or number"),
            );
        }
    }
    if let (Some(least), Some(most)) = (param.minimum, param.maximum)
        && least > most
    {
        fields.bad_value(
            "maximum",
            "`maximum` is below `minimum`: no value would be allowed",
        );
    }
}

fn check_value(world: &World<'_, '_>, item: &Item<'_>, param: &Param, name: &str) {
    if let Err(why) = fits(param, &item.node.to_json(), world.patterns) {
        world.report.say(Note::error(
            "param",
            item.place,
            format!("param `{}`: {why}", shown(name)),
        ));
    }
}

/// Whether a value may be given; otherwise why not.
pub(in super::super) fn fits(
    param: &Param,
    value: &Value,
    patterns: &Patterns,
) -> Result<(), String> {
    let (word, right) = match param.kind {
        ParamKind::String => ("a text", value.is_string()),
        ParamKind::Integer => ("an integer", value.is_i64() || value.is_u64()),
        ParamKind::Number => ("a number", value.is_number()),
        ParamKind::Boolean => ("true or false", value.is_boolean()),
        ParamKind::Date => ("a date, YYYY-MM-DD", value.as_str().is_some_and(is_date)),
        ParamKind::List => ("a list", value.is_array()),
        ParamKind::Object => ("an object", value.is_object()),
    };
    let seen = || shown(&value.to_string());
    if !right {
        return Err(format!("{} is not {word}", seen()));
    }
    if let (Some(pattern), Some(text)) = (&param.pattern, value.as_str())
        && patterns
            .get(pattern)
            .is_ok_and(|regex| !regex.is_match(text))
    {
        return Err(format!("{} does not match `{}`", seen(), shown(pattern)));
    }
    if let Some(choices) = &param.choices
        && !choices.contains(value)
    {
        let all: Vec<_> = choices.iter().take(20).map(ToString::to_string).collect();
        return Err(format!("{} is not one of {}", seen(), all.join(", ")));
    }
    let number = value.as_f64();
    match (number, param.minimum, param.maximum) {
        (Some(number), Some(least), _) if number < least => {
            Err(format!("{} is below the minimum {least}", seen()))
        }
        (Some(number), _, Some(most)) if number > most => {
            Err(format!("{} is above the maximum {most}", seen()))
        }
        _ => Ok(()),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}
