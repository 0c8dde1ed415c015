//! The effective tree of a project as a typed [`Project`].

use std::collections::BTreeMap;

use noctule_executor::Registry;
use serde_json::{Map, Value};

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::{Note, Place, Report};
use super::super::tree::{Entry, Table};
use super::connection::{self, Surroundings};
use super::{Project, engine, notify, secret, settings, simulator, vars};
use crate::dag::DEFAULT_POOL;
use crate::name::{ProfileName, is_file_name, is_identifier};

/// The tables of a project that DAG files are laid over.
#[derive(Debug, Default)]
pub(in super::super) struct ProjectTree<'a> {
    pub(in super::super) defaults: Option<Entry<'a>>,
    pub(in super::super) dag_defaults: Option<Entry<'a>>,
    pub(in super::super) templates: Table<'a>,
}

pub(in super::super) fn read<'a>(
    report: &Report<'a>,
    mut tree: Table<'a>,
    at: Place,
    profile: ProfileName,
    registry: &Registry,
) -> (Project, ProjectTree<'a>) {
    connection::imply_anonymous(&mut tree);
    let top = Fields::new(report, &tree, at);
    let vars = vars::read(&top);
    let known = secret::read(&top, registry);
    let kinds: Vec<_> = registry
        .iter()
        .filter_map(|executor| executor.connection_kind())
        .collect();
    let connections = connection::read(
        &top,
        &Surroundings {
            vars: &vars,
            secrets: &known.secrets,
            kinds: &kinds,
        },
    );
    secret::check_connections(report, &known, &connections, registry);
    let secrets = known.secrets;
    let store_url = engine::read_store(&top, &profile);
    let engine = engine::read_engine(&top, &secrets);
    let (simulator, simulated_secrets) = simulator::read(&top);
    let notify = notify::read(&top, &secrets);
    let project = Project {
        settings: settings(report, &tree, &store_url, &engine),
        pools: read_pools(&top),
        defaults: json_table(&top, "defaults"),
        dag_defaults: json_table(&top, "dag_defaults"),
        templates: json_table(&top, "templates"),
        simulator,
        simulated_secrets,
        executors: read_executors(&top, registry),
        profile,
        store_url,
        engine,
        vars,
        secrets,
        connections,
        notify,
    };
    top.finish("the project file");
    let templates = tree.table("templates").cloned().unwrap_or_default();
    let lower = ProjectTree {
        defaults: tree.take("defaults"),
        dag_defaults: tree.take("dag_defaults"),
        templates,
    };
    (project, lower)
}

fn json_table(top: &Fields<'_, '_>, key: &'static str) -> Map<String, Value> {
    top.table(key)
        .map(|fields| fields.table.to_json())
        .unwrap_or_default()
}

pub(in super::super) fn check_name(
    report: &Report<'_>,
    entry: &Entry<'_>,
    what: &str,
    accepted: bool,
) {
    if !accepted {
        let message = format!("`{}` is no name of a {what}", shown(&entry.key));
        let note = Note::error("bad_name", entry.at, message);
        report.say(note.help("letters, digits and `_`, the first no digit, at most 128"));
    }
}

fn read_pools(top: &Fields<'_, '_>) -> BTreeMap<String, u32> {
    let mut pools = BTreeMap::new();
    let Some(table) = top.table("pools") else {
        return pools;
    };
    for entry in &table.table.entries {
        check_name(table.report, entry, "pool", is_file_name(&entry.key));
        if *entry.key == *DEFAULT_POOL {
            let message = "the default pool has no size of its own";
            let note = Note::error("bad_name", entry.at, message);
            table.report.say(note.help("`engine.slots` bounds it"));
            continue;
        }
        let single = Table {
            entries: vec![Entry {
                key: "slots".into(),
                ..entry.clone()
            }],
        };
        if let Some(slots) =
            Fields::new(table.report, &single, entry.at).count("slots", 1..=1_000_000)
        {
            pools.insert(entry.key.to_string(), slots);
        }
    }
    pools
}

fn read_executors(top: &Fields<'_, '_>, registry: &Registry) -> BTreeMap<String, Vec<String>> {
    let mut executors = BTreeMap::new();
    let Some(table) = top.table("executors") else {
        return executors;
    };
    for entry in &table.table.entries {
        check_name(table.report, entry, "executor", is_identifier(&entry.key));
        let Some(fields) = Fields::of_entry(table.report, entry) else {
            continue;
        };
        if registry.get(&entry.key).is_some() {
            let message = format!(
                "`{}` is an executor of this program already",
                shown(&entry.key)
            );
            table
                .report
                .say(Note::error("duplicate", entry.at, message));
        }
        let what = "executors out of process are not built yet: runs with such tasks are refused";
        table.report.say(Note::remark("not_yet", entry.at, what));
        fields.required("command", "an executor");
        executors.insert(
            entry.key.to_string(),
            fields.texts("command").unwrap_or_default(),
        );
        fields.finish("an executor");
    }
    executors
}
