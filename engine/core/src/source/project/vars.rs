//! `[vars]`, and the texts of the project file that name them.

use serde_json::{Map, Value};

use super::super::fields::Fields;
use super::super::report::{Note, Report};
use super::super::tree::{Item, Node};
use crate::name::is_identifier;
use crate::template::{Known, Scope, Site, check_template, render_value};

pub(super) fn read(top: &Fields<'_, '_>) -> Map<String, Value> {
    let Some(table) = top.table("vars") else {
        return Map::new();
    };
    for entry in &table.table.entries {
        super::read::check_name(table.report, entry, "var", is_identifier(&entry.key));
        if let Node::Text(text) = &entry.item.node
            && text.contains("{{")
        {
            let message = "a var is a value: templates in it are not rendered";
            table
                .report
                .say(Note::error("template", entry.item.place, message));
        }
    }
    table.table.to_json()
}

/// The JSON of a value of `who`, its templates over `vars` rendered; each problem is reported at its text.
pub(in super::super) fn render(
    report: &Report<'_>,
    item: &Item<'_>,
    vars: &Map<String, Value>,
    who: &str,
) -> Value {
    match &item.node {
        Node::Text(text) if text.contains("{{") => {
            let value = Value::String(text.to_string());
            let scope = Scope {
                vars: Some(vars),
                ..Scope::default()
            };
            if check(report, item, text, vars, who) {
                render_value(&value, &scope)
                    .ok()
                    .flatten()
                    .unwrap_or_default()
            } else {
                Value::Null
            }
        }
        Node::List(items) => items
            .iter()
            .map(|item| render(report, item, vars, who))
            .collect(),
        Node::Table(table) => {
            let entries = table.entries.iter();
            Value::Object(
                entries
                    .map(|entry| {
                        (
                            entry.key.to_string(),
                            render(report, &entry.item, vars, who),
                        )
                    })
                    .collect(),
            )
        }
        node => node.to_json(),
    }
}

fn check(
    report: &Report<'_>,
    item: &Item<'_>,
    text: &str,
    vars: &Map<String, Value>,
    who: &str,
) -> bool {
    let known = Known {
        vars: vars.keys().map(String::as_str).collect(),
        ..Known::at(Site::Project)
    };
    let problems = check_template(text, &known);
    for problem in &problems {
        let place = report.part(item.place, text, &problem.range);
        let note = Note::error("template", place, problem.message.clone());
        let help = problem
            .help
            .clone()
            .unwrap_or_else(|| format!("{who} may name `vars` and nothing else"));
        report.say(note.help(help));
    }
    problems.is_empty()
}
