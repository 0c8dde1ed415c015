//! A DAG file: from its tree to definitions, one for the file or one for each of its instances.
//!
//! Guarantees: a definition comes out only where nothing is wrong with it; every problem is reported at its place;
//! keys that are not built yet are checked, remarked on and, where a run would be wrong without them, kept in
//! `not_yet`.

mod connections;
mod executors;
mod expansion;
mod graph;
mod group;
mod head;
mod ingestion;
mod judge;
mod keys;
mod layers;
mod limits;
mod names;
mod nodes;
mod notify;
mod params;
mod pool;
mod reach;
mod retries;
mod schedule;
mod secrets;
mod shape;
mod task;
mod trigger;
mod with;

use chrono::{DateTime, Utc};

use super::fields::{Fields, wrong_type};
use super::merge::overlay;
use super::project::{Project, ProjectTree};
use super::report::{Note, Place, Report, SourceKind};
use super::tree::{Entry, Node, Table, parse};
use crate::dag::Definition;
use crate::name::DagId;

pub(super) use self::executors::Executors;
#[cfg(test)]
pub(super) use self::keys::{DAG_KEYS, GROUP_KEYS, TASK_KEYS};
pub(super) use self::notify::{OF_A_DAG, OF_A_TASK};
pub(super) use self::params::{Patterns, fits};
pub(super) use self::task::TRIGGER_RULES;

/// All that a DAG file is read against.
pub(super) struct World<'w, 'a> {
    pub(super) report: &'w Report<'a>,
    pub(super) project: &'w Project,
    pub(super) lower: &'w ProjectTree<'a>,
    pub(super) executors: &'w Executors,
    pub(super) patterns: &'w Patterns,
    /// For remarks on coming ticks; nothing that is kept depends on it.
    pub(super) now: DateTime<Utc>,
}

/// A definition, and where its id stands.
pub(super) struct Read {
    pub(super) definition: Definition,
    pub(super) id_at: Place,
}

/// The ids that a file claims, good or bad, and the definitions that are good.
#[derive(Default)]
pub(super) struct FileRead {
    pub(super) good: Vec<Read>,
    pub(super) ids: Vec<(DagId, Place)>,
}

/// Reads one file.
pub(super) fn read_file<'a>(world: &World<'_, 'a>, name: &str, text: &'a str) -> FileRead {
    let source = world.report.add_source(name, text, SourceKind::File);
    let top = Place::new(source, 0..0);
    let Some(mut head) = parse(world.report, source, text) else {
        return FileRead::default();
    };
    let body = Body {
        tasks: head.take("tasks"),
        groups: head.take("groups"),
        top,
    };
    let stem = file_stem(name);
    let mut read = FileRead::default();
    match head.take("instances") {
        None => read_one(world, head, None, &body, stem, &mut read),
        Some(instances) => read_instances(world, &head, &instances, &body, &mut read),
    }
    read
}

/// What instances share and cannot touch.
struct Body<'a> {
    tasks: Option<Entry<'a>>,
    groups: Option<Entry<'a>>,
    top: Place,
}

fn file_stem(name: &str) -> &str {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.strip_suffix(".toml").unwrap_or(base)
}

fn read_instances<'a>(
    world: &World<'_, 'a>,
    head: &Table<'a>,
    instances: &Entry<'a>,
    body: &Body<'a>,
    read: &mut FileRead,
) {
    let report = world.report;
    if let Some(id) = head.get("id") {
        let message = "a file with `[[instances]]` is a template: it has no `id` of its own";
        report.say(
            Note::error("instances", id.at, message).help("give an `id` to each instance instead"),
        );
    }
    let Node::List(items) = &instances.item.node else {
        return wrong_type(
            report,
            "instances",
            &instances.item,
            "list of tables, `[[instances]]`",
        );
    };
    for item in items {
        let Node::Table(instance) = &item.node else {
            wrong_type(report, "instances", item, "table");
            continue;
        };
        if instance.get("id").is_none() {
            report.say(Note::error(
                "missing_key",
                item.place,
                "an instance needs a key `id`",
            ));
        }
        for key in ["tasks", "groups", "instances"] {
            if let Some(entry) = instance.get(key) {
                let message = format!("an instance cannot touch `{key}`");
                report.say(
                    Note::error("instances", entry.at, message).help("use params for what differs"),
                );
            }
        }
        let mut instance = instance.clone();
        instance
            .entries
            .retain(|entry| !matches!(entry.key.as_ref(), "tasks" | "groups" | "instances"));
        read_one(world, head.clone(), Some(instance), body, "", read);
    }
}

fn read_one<'a>(
    world: &World<'_, 'a>,
    head: Table<'a>,
    instance: Option<Table<'a>>,
    body: &Body<'a>,
    stem: &str,
    read: &mut FileRead,
) {
    let before = world.report.errors();
    let merged = merged_head(world, head, instance);
    let fields = Fields::new(world.report, &merged, body.top);
    let id_at = merged.get("id").map_or(body.top, |entry| entry.item.place);
    let mut definition = head::read(world, &fields, stem);
    if let Some(definition) = &definition {
        read.ids.push((definition.id.clone(), id_at));
    }
    let dag = definition
        .as_ref()
        .map_or(stem, |definition| definition.id.as_str())
        .to_owned();
    let params: Vec<String> = merged
        .table("params")
        .map(|table| table.keys().map(str::to_owned).collect())
        .unwrap_or_default();
    let around = shape::Surroundings {
        dag: &dag,
        params: &params,
        defaults: merged.get("defaults"),
    };
    let shape = shape::read(
        world,
        &around,
        body.tasks.as_ref(),
        body.groups.as_ref(),
        body.top,
    );
    fields.finish("a DAG file");
    if let Some(definition) = &mut definition {
        definition.tasks = shape.tasks;
        definition.not_yet.extend(shape.not_yet);
        definition.not_yet.dedup();
        limits::check(world, definition, &merged, body.top, &shape.levels);
    }
    if let Some(definition) = definition.filter(|_| world.report.errors() == before) {
        read.good.push(Read { definition, id_at });
    }
}

/// `[dag_defaults]` of the project, the file and the instance, each over the one before.
fn merged_head<'a>(
    world: &World<'_, 'a>,
    head: Table<'a>,
    instance: Option<Table<'a>>,
) -> Table<'a> {
    let mut merged = match &world.lower.dag_defaults {
        Some(Entry { item, .. }) => match &item.node {
            Node::Table(table) => table.clone(),
            _ => Table::default(),
        },
        None => Table::default(),
    };
    // These were reported when the project was checked.
    merged
        .entries
        .retain(|entry| !matches!(entry.key.as_ref(), "id" | "tasks" | "groups" | "instances"));
    overlay(&mut merged, head);
    if let Some(instance) = instance {
        overlay(&mut merged, instance);
    }
    merged
}
