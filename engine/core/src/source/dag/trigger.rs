//! `[trigger.KIND]`: one kind a DAG, its table against the event source like a `with` table against its executor.
//!
//! Guarantees: what is kept has no template left; `connection` and `every` are the engine's, and the source gets them
//! where its own schema names them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::diagnostic::shown;
use super::super::fields::{Fields, wrong_type};
use super::super::project::render_vars;
use super::super::report::Note;
use super::super::suggest;
use super::super::tree::{Entry, Node, Table};
use super::executors::CompiledSource;
use super::judge::Whose;
use super::with::With;
use super::{World, connections};
use crate::dag::TriggerTable;

/// The longest time between two looks where the file says nothing.
const EVERY: Duration = Duration::from_secs(30);
/// Keys that the engine reads.
const OURS: [&str; 2] = ["connection", "every"];

/// Reads `[trigger]`.
pub(super) fn read<'a>(world: &World<'_, 'a>, entry: &Entry<'a>) -> Option<TriggerTable> {
    let kinds = Fields::of_entry(world.report, entry)?.table;
    let (first, more) = kinds.entries.split_first()?;
    for other in more {
        let message = format!(
            "a DAG has one trigger: `{}` and `{}` cannot both make its runs",
            shown(&first.key),
            shown(&other.key)
        );
        let help = "make two DAGs, or one source that sees both";
        world
            .report
            .say(Note::error("trigger", other.at, message).help(help));
    }
    let known = world.executors.source_kinds();
    if !known.contains(first.key.as_ref()) {
        unknown(world, first);
        return None;
    }
    let Node::Table(table) = &first.item.node else {
        wrong_type(world.report, &first.key, &first.item, "table");
        return None;
    };
    connections::check_source(world, &first.key, table, first.at);
    match world.executors.source(&first.key) {
        Some(compiled) => read_built(world, first, table, compiled),
        None => {
            let what = format!(
                "this program has no event source `{}` yet: runs start by schedule, command or API",
                first.key
            );
            world.report.say(Note::remark("not_yet", first.at, what));
            None
        }
    }
}

fn unknown(world: &World<'_, '_>, entry: &Entry<'_>) {
    let known = world.executors.source_kinds();
    let guess = world.report.did_you_mean(&entry.key, known.iter().copied());
    let message = format!("there is no event source `{}`{guess}", shown(&entry.key));
    let note = Note::error("unknown_trigger", entry.at, message);
    world
        .report
        .say(note.maybe_help(suggest::known("known are", known)));
}

fn read_built<'a>(
    world: &World<'_, 'a>,
    entry: &Entry<'a>,
    table: &Table<'a>,
    compiled: &CompiledSource,
) -> Option<TriggerTable> {
    let before = world.report.errors();
    let fields = Fields::new(world.report, table, entry.at);
    let every = fields.duration("every").unwrap_or(EVERY);
    let vars = &world.project.vars;
    let rendered = render_vars(world.report, &entry.item, vars, "a trigger");
    let Value::Object(mut rendered) = rendered else {
        return None;
    };
    let connection = match rendered.get("connection") {
        Some(Value::String(name)) => Some(name.clone()),
        None => None,
        Some(_) => {
            fields.words("connection");
            None
        }
    };
    rendered.retain(|key, _| !OURS.contains(&key.as_str()) || names(compiled, key));
    if world.report.errors() == before {
        check(world, entry, &rendered, compiled);
    }
    Some(TriggerTable {
        kind: entry.key.to_string(),
        connection,
        every,
        table: rendered,
    })
}

/// Whether the source itself reads a key.
fn names(compiled: &CompiledSource, key: &str) -> bool {
    let properties = compiled.form.schema.get("properties");
    properties.is_some_and(|known| known.get(key).is_some())
}

fn check<'a>(
    world: &World<'_, 'a>,
    entry: &Entry<'a>,
    table: &Map<String, Value>,
    compiled: &CompiledSource,
) {
    let with = With {
        report: world.report,
        item: &entry.item,
        at: entry.at,
        whose: Whose::Source(&entry.key),
    };
    let value = Value::Object(table.clone());
    with.check_value(&value, &compiled.form, compiled.source.as_ref());
}
