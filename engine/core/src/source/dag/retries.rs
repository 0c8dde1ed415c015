//! `retries`: a number, or a table.

use noctule_executor::ErrorClass;

use super::super::diagnostic::shown;
use super::super::fields::{Fields, wrong_type};
use super::super::report::Note;
use super::super::suggest;
use super::super::tree::Node;
use crate::dag::Retries;

/// The most extra tries.
const MOST: u32 = 1_000;

/// Trying these again changes nothing.
const NEVER: [ErrorClass; 4] = [
    ErrorClass::Config,
    ErrorClass::Permission,
    ErrorClass::NotFound,
    ErrorClass::Cancelled,
];

pub(super) fn read(task: &Fields<'_, '_>) -> Retries {
    let Some(entry) = task.entry("retries") else {
        return Retries::default();
    };
    match &entry.item.node {
        Node::Integer(_) => Retries {
            max: task.count("retries", 0..=MOST).unwrap_or_default(),
            ..Retries::default()
        },
        Node::Table(table) => read_table(&Fields::new(task.report, table, entry.at)),
        _ => {
            wrong_type(task.report, "retries", &entry.item, "integer or table");
            Retries::default()
        }
    }
}

fn read_table(fields: &Fields<'_, '_>) -> Retries {
    let base = Retries::default();
    let retries = Retries {
        max: fields.count("max", 0..=MOST).unwrap_or(base.max),
        delay: fields.span("delay").unwrap_or(base.delay),
        backoff: fields.number("backoff").unwrap_or(base.backoff),
        max_delay: fields.span("max_delay").unwrap_or(base.max_delay),
        on: read_classes(fields).unwrap_or(base.on),
    };
    if !(1.0..=100.0).contains(&retries.backoff) {
        fields.bad_value(
            "backoff",
            "`backoff` must be 1 to 100: each pause is this times the one before",
        );
    }
    if fields.has("max_delay") && retries.max_delay < retries.delay {
        fields.bad_value("max_delay", "`max_delay` is shorter than `delay`");
    }
    // `finish` takes the fields; the keys that were asked for are the same.
    let again = Fields::new(fields.report, fields.table, fields.at);
    for key in ["max", "delay", "backoff", "max_delay", "on"] {
        again.has(key);
    }
    again.finish("retries");
    retries
}

fn read_classes(fields: &Fields<'_, '_>) -> Option<Vec<ErrorClass>> {
    let list = fields.list("on")?;
    let classes = list.into_iter().filter_map(|words| {
        let found = ErrorClass::ALL
            .into_iter()
            .find(|class| class.as_str() == words.text);
        match found {
            Some(class) if NEVER.contains(&class) => {
                let note = Note::error(
                    "bad_value",
                    words.place,
                    format!("`{class}` is never tried again"),
                );
                fields
                    .report
                    .say(note.help("trying again changes nothing about it"));
                None
            }
            Some(class) => Some(class),
            None => {
                let known = ErrorClass::ALL
                    .into_iter()
                    .filter(|class| !NEVER.contains(class))
                    .map(ErrorClass::as_str);
                let guess = fields.report.did_you_mean(words.text, known.clone());
                let message = format!("there is no class of errors `{}`{guess}", shown(words.text));
                let note = Note::error("bad_value", words.place, message);
                fields
                    .report
                    .say(note.maybe_help(suggest::known("allowed are", known)));
                None
            }
        }
    });
    Some(classes.collect())
}
