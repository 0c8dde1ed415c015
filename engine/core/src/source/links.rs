//! DAGs that start or await each other, over all files: a ring of starts never ends, a ring of waits never begins.
//!
//! Only ids that stand in the file as they are can be judged; a chain made by templates is bounded when it runs.

use std::collections::{BTreeMap, BTreeSet};

use noctule_executor::{Draft, Wait};
use serde_json::Value;

use super::dag::FileRead;
use super::report::{Note, Place, Report};
use crate::dag::{Definition, TaskDefinition};

/// The executors that lead from one DAG to another.
const STARTS: &str = "dag";
const AWAITS: &str = "dag_sensor";

/// What a ring of links means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ring {
    /// Each starts the next.
    Starts,
    /// Each waits for the end of the next.
    Waits,
}

/// Reports every DAG that comes back to itself; the places of their ids.
pub(super) fn check(report: &Report<'_>, files: &[FileRead]) -> Vec<Place> {
    let all: Vec<_> = files.iter().flat_map(|file| &file.good).collect();
    let mut bad = Vec::new();
    for ring in [Ring::Starts, Ring::Waits] {
        let links: BTreeMap<&str, BTreeSet<&str>> = all
            .iter()
            .map(|read| (read.definition.id.as_str(), links(&read.definition, ring)))
            .collect();
        for read in &all {
            let Some(path) = way_back(&links, read.definition.id.as_str()) else {
                continue;
            };
            if bad.contains(&read.id_at) {
                continue;
            }
            bad.push(read.id_at);
            report.say(note(read.id_at, ring, &path));
        }
    }
    for read in &all {
        remark_block(report, &read.definition, read.id_at);
    }
    bad
}

fn note(place: Place, ring: Ring, path: &[&str]) -> Note {
    let path = path.join(" -> ");
    let message = match ring {
        Ring::Starts => format!("this DAG starts itself again and again: {path}"),
        Ring::Waits => format!("this DAG waits for its own end: {path}"),
    };
    Note::error("ring", place, message).help("take one of the links out")
}

fn remark_block(report: &Report<'_>, dag: &Definition, place: Place) {
    let blocks = |task: &&TaskDefinition| task.executor == STARTS && task.wait == Wait::Block;
    for task in dag.tasks.iter().filter(blocks) {
        let message = format!(
            "task `{}` holds a slot while the DAG that it starts needs slots itself",
            task.name
        );
        let note = Note::remark("slots", place, message);
        report.say(note.help("`wait = \"poll\"` holds none"));
    }
}

/// The DAGs that a DAG leads to.
fn links(dag: &Definition, ring: Ring) -> BTreeSet<&str> {
    let leads = |task: &TaskDefinition| {
        let given = |key: &str| !matches!(task.with.get(key), None | Some(Value::Null));
        match (ring, task.executor.as_str()) {
            (Ring::Starts, STARTS) => true,
            (Ring::Waits, STARTS) => task.wait != Wait::Detach,
            // Of another task, or of another day, a DAG may well wait for itself.
            (Ring::Waits, AWAITS) => !given("task") && !given("ingestion_id") && !given("states"),
            _ => false,
        }
    };
    let tasks = dag.tasks.iter().filter(|task| leads(task));
    tasks
        .filter_map(|task| task.with.get("dag").filter(|id| !Draft::is_template(id)))
        .filter_map(Value::as_str)
        .collect()
}

/// The shortest way from a DAG to itself.
fn way_back<'d>(
    links: &BTreeMap<&'d str, BTreeSet<&'d str>>,
    from: &'d str,
) -> Option<Vec<&'d str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![from]];
    let mut seen = BTreeSet::new();
    let mut next = 0;
    while let Some(way) = ways.get(next).cloned() {
        next += 1;
        let last = way.last().copied()?;
        for to in links.get(last).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(to);
            if *to == from {
                return Some(longer);
            }
            if seen.insert(*to) {
                ways.push(longer);
            }
        }
    }
    None
}
