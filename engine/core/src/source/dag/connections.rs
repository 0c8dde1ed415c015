//! The connection of a task or a trigger: the one it names, or the only one of its kind.

use serde_json::Value;

use super::super::diagnostic::shown;
use super::super::report::{Note, Place};
use super::super::suggest;
use super::super::tree::{Node, Table};
use super::World;
use super::judge::Whose;

/// Who needs a connection of a kind.
struct User<'k> {
    whose: Whose<'k>,
    kind: &'static str,
}

/// Checks the connection of one task. `at` is the place of the executor's name.
pub(super) fn check(world: &World<'_, '_>, executor: &str, with: &Table<'_>, at: Place) {
    if let Some(kind) = world.executors.connection_kind(executor) {
        let whose = Whose::Executor(executor);
        User { whose, kind }.check(world, with, at);
    }
}

/// Checks the connection of a trigger. `at` is the place of the source's name.
pub(super) fn check_source(world: &World<'_, '_>, source: &str, table: &Table<'_>, at: Place) {
    if let Some(kind) = world.executors.source_connection_kind(source) {
        let whose = Whose::Source(source);
        User { whose, kind }.check(world, table, at);
    }
}

impl User<'_> {
    fn check(&self, world: &World<'_, '_>, table: &Table<'_>, at: Place) {
        match table.get("connection") {
            Some(entry) => {
                if let Node::Text(name) = &entry.item.node
                    && !name.contains("{{")
                {
                    self.check_named(world, name, entry.item.place);
                }
            }
            None => self.check_only(world, table, at),
        }
    }

    fn check_named(&self, world: &World<'_, '_>, name: &str, place: Place) {
        let kind = self.kind;
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
                "connection `{name}` is of kind `{}`, {} needs `{kind}`",
                connection.kind,
                self.whose.words()
            );
            world.report.say(Note::error("connection", place, message));
        }
    }

    fn check_only(&self, world: &World<'_, '_>, table: &Table<'_>, at: Place) {
        let kind = self.kind;
        let of_kind: Vec<&str> = world
            .project
            .connections
            .values()
            .filter(|other| other.kind == kind)
            .map(|other| other.name.as_str())
            .collect();
        if of_kind.len() == 1 || !needs_one(kind, table, of_kind.is_empty()) {
            return;
        }
        if of_kind.is_empty() {
            let message = format!(
                "{} needs a connection of kind `{kind}`, and the project has none",
                self.whose.words()
            );
            return world
                .report
                .say(Note::error("connection", at, message).help(missing(kind)));
        }
        let message = format!(
            "which connection of kind `{kind}`? the project has {}",
            of_kind.len()
        );
        let how = format!("name one as `{}.connection`", self.whose.root());
        let note = Note::error("connection", at, message);
        world
            .report
            .say(note.maybe_help(suggest::known(&how, of_kind)));
    }
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
