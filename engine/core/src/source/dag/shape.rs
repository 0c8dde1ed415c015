//! The tasks and groups of a DAG, as one graph.

use std::collections::{HashMap, HashSet};

use noctule_executor::Wait;

use super::super::diagnostic::shown;
use super::super::fields::wrong_type;
use super::super::report::{Note, Place};
use super::super::tree::{Entry, Node};
use super::graph::{self, Graph};
use super::names::Names;
use super::nodes::{Edge, Vertex};
use super::{World, group, reach, task};
use crate::dag::TaskDefinition;

/// The most tasks of a DAG.
const TASK_LIMIT: usize = 100_000;

/// What the tasks of a DAG share.
pub(super) struct Surroundings<'s, 'a> {
    pub(super) dag: &'s str,
    pub(super) params: &'s [String],
    pub(super) defaults: Option<&'s Entry<'a>>,
}

/// The tasks of a DAG.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) tasks: Vec<TaskDefinition>,
    pub(super) not_yet: Vec<String>,
    /// How many `block` tasks stand on each level: those of one level never wait for each other.
    pub(super) levels: Vec<usize>,
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    around: &Surroundings<'_, 'a>,
    tasks: Option<&Entry<'a>>,
    groups: Option<&Entry<'a>>,
    top: Place,
) -> Shape {
    let names = Names::new(around.params, world.project.vars.keys().map(String::as_str));
    let mut shape = Shape::default();
    let (mut vertices, mut waits, mut holders) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries(world, tasks) {
        let Some(read) = task::read(world, around, &names, entry, false) else {
            continue;
        };
        waits.push(read.definition.as_ref().map(|task| task.wait));
        vertices.push(read.vertex);
        holders.extend(read.holders);
        shape.not_yet.extend(read.not_yet);
        shape.tasks.extend(read.definition);
    }
    let mut inside: Vec<(String, String)> = Vec::new();
    let mut within = Vec::new();
    for entry in entries(world, groups) {
        let Some(read) = group::read(world, around, &names, entry) else {
            continue;
        };
        inside.extend(
            read.inside
                .into_iter()
                .map(|name| (name, read.vertex.name.clone())),
        );
        vertices.push(read.vertex);
        shape.not_yet.extend(read.not_yet);
        shape.tasks.extend(read.node);
        within.extend(read.tasks);
    }
    // What stands in no group comes first: a run has one task run for each from its beginning.
    shape.tasks.append(&mut within);
    check_size(world, vertices.len() + inside.len(), top);
    let inside: HashMap<&str, &str> = inside
        .iter()
        .map(|(name, group)| (name.as_str(), group.as_str()))
        .collect();
    let graph = graph::check(world.report, &vertices, &inside);
    reach::check(world.report, &vertices, &graph, &inside, |mention| {
        reach::report_unknown(
            world.report,
            mention,
            vertices.iter().map(|vertex| vertex.name.as_str()),
        );
    });
    check_holders(world, &vertices, &holders);
    shape.levels = levels(&graph, &waits);
    shape.not_yet.sort_unstable();
    shape.not_yet.dedup();
    shape
}

fn entries<'t, 'a>(world: &World<'_, 'a>, entry: Option<&'t Entry<'a>>) -> &'t [Entry<'a>] {
    let Some(entry) = entry else { return &[] };
    match &entry.item.node {
        Node::Table(table) => &table.entries,
        _ => {
            wrong_type(world.report, &entry.key, &entry.item, "table");
            &[]
        }
    }
}

fn check_size(world: &World<'_, '_>, size: usize, top: Place) {
    if size == 0 {
        let note = Note::error("no_tasks", top, "a DAG needs at least one task");
        world
            .report
            .say(note.help("add one: [tasks.NAME] executor = \"…\""));
    }
    if size > TASK_LIMIT {
        let message = format!("a DAG has at most {TASK_LIMIT} tasks, this one has {size}");
        world
            .report
            .say(Note::error("too_many_tasks", top, message));
    }
}

pub(super) fn check_holders(world: &World<'_, '_>, vertices: &[Vertex], holders: &[Edge]) {
    let known: HashSet<&str> = vertices.iter().map(|vertex| vertex.name.as_str()).collect();
    for edge in holders {
        if !known.contains(edge.to.as_str()) {
            let guess = world
                .report
                .did_you_mean(&edge.to, vertices.iter().map(|vertex| vertex.name.as_str()));
            let message = format!("there is no task `{}`{guess}", shown(&edge.to));
            world
                .report
                .say(Note::error("unknown_task", edge.place, message));
        }
    }
}

/// How many `block` tasks stand on each level, the longest way from a root being the level.
fn levels(graph: &Graph, waits: &[Option<Wait>]) -> Vec<usize> {
    let Some(order) = &graph.order else {
        return Vec::new();
    };
    let mut level = vec![0_usize; graph.upstream.len()];
    let mut counts = Vec::new();
    for at in order {
        level[*at] = graph.upstream[*at]
            .iter()
            .map(|up| level[*up] + 1)
            .max()
            .unwrap_or(0);
        if waits.get(*at) == Some(&Some(Wait::Block)) {
            if counts.len() <= level[*at] {
                counts.resize(level[*at] + 1, 0);
            }
            counts[level[*at]] += 1;
        }
    }
    counts
}
