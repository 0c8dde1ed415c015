//! The connection of a task: the one it names, or the only one of its kind.

use serde_json::Value;

use super::super::diagnostic::shown;
use super::super::report::{Note, Place};
use super::super::suggest;
use super::super::tree::{Node, Table};
use super::World;

/// Checks the connection of one task. `at` is the place of the executor's name.
pub(super) fn check(world: &World<'_, '_>, executor: &str, with: &Table<'_>, at: Place) {
    let Some(kind) = world.executors.connection_kind(executor) else {
        return;
    };
    match with.get("connection") {
        Some(entry) => {
            if let Node::Text(name) = &entry.item.node
                && !name.contains("{{")
            {
                check_named(world, executor, kind, name, entry.item.place);
            }
        }
        None => check_only(world, executor, kind, with, at),
    }
}

fn check_named(world: &World<'_, '_>, executor: &str, kind: &str, name: &str, place: Place) {
    let connections = &world.project.connections;
    let Some(connection) = connections.get(name) else {
        let known = connections.keys().map(String::as_str);
        let guess = world.report.did_you_mean(name, known.clone());
        let note = Note::error(
            "connection",
            place,
            format!("there is no connection `{}`{guess}", shown(name)),
        );
        let help = suggest::known("the project has", known);
        return world
            .report
            .say(note.help(help.unwrap_or_else(|| missing(kind))));
    };
    // A plain call to a Google API takes its credentials from the connection to Google.
    let fits = connection.kind == kind || (kind == "http" && connection.kind == "google");
    if !fits {
        let message = format!(
            "connection `{name}` is of kind `{}`, executor `{executor}` needs `{kind}`",
            connection.kind
        );
        world.report.say(Note::error("connection", place, message));
    }
}

fn check_only(world: &World<'_, '_>, executor: &str, kind: &str, with: &Table<'_>, at: Place) {
    let of_kind: Vec<&str> = world
        .project
        .connections
        .values()
        .filter(|other| other.kind == kind)
        .map(|other| other.name.as_str())
        .collect();
    if of_kind.len() == 1 || !needs_one(kind, with, of_kind.is_empty()) {
        return;
    }
    if of_kind.is_empty() {
        let message = format!(
            "executor `{executor}` needs a connection of kind `{kind}`, and the project has none"
        );
        return world
            .report
            .say(Note::error("connection", at, message).help(missing(kind)));
    }
    let message = format!(
        "which connection of kind `{kind}`? the project has {}",
        of_kind.len()
    );
    let note = Note::error("connection", at, message);
    world
        .report
        .say(note.maybe_help(suggest::known("name one as `with.connection`", of_kind)));
}

/// An http task with a whole URL needs none; one on Google Cloud only to learn its project.
fn needs_one(kind: &str, with: &Table<'_>, none: bool) -> bool {
    match kind {
        "http" => with.get("url").is_some_and(
            |url| matches!(url.item.node.to_json(), Value::String(url) if url.starts_with('/')),
        ),
        "google" => !(none && with.get("project").is_some()),
        _ => true,
    }
}

fn missing(kind: &str) -> String {
    format!("add it to the project file: [connections.NAME] kind = \"{kind}\"")
}
