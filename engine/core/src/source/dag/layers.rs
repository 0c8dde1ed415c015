//! What a task is made of: defaults of the project, of the DAG, its template, and itself.
//!
//! Guarantees: the executor is known before the defaults by executor are laid under `with`.

use super::super::diagnostic::shown;
use super::super::fields::{Fields, wrong_type};
use super::super::merge::overlay;
use super::super::project::ProjectTree;
use super::super::report::{Note, Report};
use super::super::suggest;
use super::super::tree::{Entry, Node, Table};
use super::World;
use super::executors::Executors;
use super::keys::{DAG_KEYS, OWN_DAG_KEYS, OWN_TASK_KEYS, TASK_KEYS};

fn table_of<'t, 'a>(entry: Option<&'t Entry<'a>>) -> Option<&'t Table<'a>> {
    match &entry?.item.node {
        Node::Table(table) => Some(table),
        _ => None,
    }
}

/// The task with everything below it.
pub(super) fn merged_task<'a>(
    world: &World<'_, 'a>,
    dag_defaults: Option<&Entry<'a>>,
    task: &Table<'a>,
) -> Table<'a> {
    let defaults = [
        table_of(world.lower.defaults.as_ref()),
        table_of(dag_defaults),
    ];
    let mut merged = Table::default();
    for defaults in defaults.into_iter().flatten() {
        overlay(&mut merged, without_with(defaults));
    }
    let template = task
        .get("template")
        .or_else(|| merged.get("template"))
        .and_then(|entry| find_template(world, entry));
    let mut own = template.cloned().unwrap_or_default();
    overlay(&mut own, task.clone());
    let kind = own
        .get("executor")
        .or_else(|| merged.get("executor"))
        .and_then(|entry| match &entry.item.node {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        });
    if let Some(kind) = kind {
        for defaults in defaults.into_iter().flatten() {
            if let Some(with) = defaults.table("with").and_then(|with| with.get(&kind)) {
                let with = Entry {
                    key: "with".into(),
                    ..with.clone()
                };
                overlay(
                    &mut merged,
                    Table {
                        entries: vec![with],
                    },
                );
            }
        }
    }
    overlay(&mut merged, own);
    merged
}

fn without_with<'a>(defaults: &Table<'a>) -> Table<'a> {
    let own =
        |entry: &&Entry<'a>| entry.key != "with" && !OWN_TASK_KEYS.contains(&entry.key.as_ref());
    Table {
        entries: defaults.entries.iter().filter(own).cloned().collect(),
    }
}

fn find_template<'w, 'a>(world: &'w World<'_, 'a>, entry: &Entry<'a>) -> Option<&'w Table<'a>> {
    let Node::Text(name) = &entry.item.node else {
        return None;
    };
    let found = world.lower.templates.table(name);
    if found.is_none() {
        let names = world.lower.templates.keys();
        let guess = world.report.did_you_mean(name, names);
        let message = format!("there is no template `{}`{guess}", shown(name));
        let note = Note::error("unknown_template", entry.item.place, message);
        let known = suggest::known("the project has", world.lower.templates.keys());
        world.report.say(note.help(known.unwrap_or_else(|| {
            "templates stand in the project file, as [templates.NAME]".to_owned()
        })));
    }
    found
}

/// Checks the keys of a `[defaults]` table, whether or not a task is there to take them.
pub(super) fn check_defaults<'a>(report: &Report<'a>, entry: &Entry<'a>, executors: &Executors) {
    let Some(fields) = Fields::of_entry(report, entry) else {
        return;
    };
    for entry in &fields.table.entries {
        let key = entry.key.as_ref();
        if OWN_TASK_KEYS.contains(&key) {
            let message = format!("`{key}` belongs to one task and cannot be a default");
            report.say(Note::error("defaults", entry.at, message));
        } else if key == "with" {
            check_with(report, entry, executors);
        } else if !TASK_KEYS.contains(&key) {
            unknown(report, entry, &TASK_KEYS, "a task");
        }
    }
}

/// `with` of defaults: a table for each executor.
fn check_with(report: &Report<'_>, entry: &Entry<'_>, executors: &Executors) {
    let Node::Table(table) = &entry.item.node else {
        return wrong_type(
            report,
            "with",
            &entry.item,
            "table by executor, `[defaults.with.EXECUTOR]`",
        );
    };
    for entry in &table.entries {
        if executors.is_known(&entry.key) {
            if !matches!(entry.item.node, Node::Table(_)) {
                wrong_type(report, &entry.key, &entry.item, "table");
            }
        } else {
            executors.report_unknown(report, &entry.key, entry.at);
        }
    }
}

fn unknown(report: &Report<'_>, entry: &Entry<'_>, keys: &'static [&'static str], of: &str) {
    let guess = report.did_you_mean(&entry.key, keys.iter().copied());
    let message = format!("unknown key `{}`{guess}", shown(&entry.key));
    let note = Note::error("unknown_key", entry.at, message);
    let known = suggest::known(&format!("{of} knows"), keys.iter().copied());
    report.say(note.maybe_help(known.filter(|_| guess.is_empty())));
}

impl<'a> ProjectTree<'a> {
    /// Checks what stands in the project file for tasks and DAGs.
    pub(in super::super) fn check(&self, report: &Report<'a>, executors: &Executors) {
        if let Some(defaults) = &self.defaults {
            check_defaults(report, defaults, executors);
        }
        for entry in table_of(self.dag_defaults.as_ref())
            .into_iter()
            .flat_map(|table| &table.entries)
        {
            let key = entry.key.as_ref();
            if OWN_DAG_KEYS.contains(&key) {
                let message = format!("`{key}` belongs to one DAG and cannot be a default");
                report.say(Note::error("defaults", entry.at, message));
            } else if !DAG_KEYS.contains(&key) {
                unknown(report, entry, &DAG_KEYS, "a DAG file");
            } else if key == "defaults" {
                check_defaults(report, entry, executors);
            }
        }
        for template in &self.templates.entries {
            let Some(fields) = Fields::of_entry(report, template) else {
                continue;
            };
            for entry in fields
                .table
                .entries
                .iter()
                .filter(|entry| !TASK_KEYS.contains(&entry.key.as_ref()))
            {
                unknown(report, entry, &TASK_KEYS, "a task");
            }
            if let Some(entry) = fields.table.get("template") {
                report.say(Note::error(
                    "defaults",
                    entry.at,
                    "a template cannot start from another template",
                ));
            }
        }
    }
}
