//! `[groups.*]`: a chain that each item walks on its own. In a definition it is a node without work, and the tasks within
//! it carry its name before theirs.

use std::collections::HashMap;
use std::time::Duration;

use noctule_executor::Wait;
use serde_json::Map;

use super::super::fields::Fields;
use super::super::tree::Entry;
use super::names::{Mention, Names};
use super::nodes::{Edge, Vertex, read_edges, read_name};
use super::shape::{Surroundings, check_holders};
use super::task::{self, TRIGGER_RULES};
use super::{World, expansion, graph, reach};
use crate::dag::{
    GROUP, HoldUntil, MapRule, OnUnknown, PoolUse, Retries, TaskDefinition, TriggerRule,
};
use crate::name::TaskName;
use crate::template::Site;

/// A group as the rest of the DAG sees it, and the names within.
pub(super) struct GroupRead {
    pub(super) vertex: Vertex,
    pub(super) inside: Vec<String>,
    /// The group itself; absent where an error was reported.
    pub(super) node: Option<TaskDefinition>,
    /// The tasks within.
    pub(super) tasks: Vec<TaskDefinition>,
    pub(super) not_yet: Vec<String>,
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    around: &Surroundings<'_, 'a>,
    names: &Names<'_>,
    entry: &Entry<'a>,
) -> Option<GroupRead> {
    let fields = Fields::of_entry(world.report, entry)?;
    let name = read_name(world.report, &entry.key, entry.at, "group");
    let mut mentions = Vec::new();
    let map = expansion::read(world, names, &fields, &mut mentions);
    if map.is_none() && !fields.has("map") {
        fields.missing("map", "a group");
    }
    let trigger_rule = fields.choice("trigger_rule", &TRIGGER_RULES);
    let when = fields.words("when");
    if let Some(words) = when {
        names.check_expression(world.report, words, Site::Map, false, &mut mentions);
    }
    let may_fail = fields.flag("may_fail").unwrap_or(false);
    let (mut vertices, mut not_yet, mut chain) = (Vec::new(), Vec::new(), Vec::new());
    let mut holders = Vec::new();
    if let Some(tasks) = fields
        .required("tasks", "a group")
        .and_then(|tasks| Fields::of_entry(world.report, tasks))
    {
        for entry in &tasks.table.entries {
            if let Some(read) = task::read(world, around, names, entry, true) {
                not_yet.extend(read.not_yet);
                vertices.push(read.vertex);
                holders.extend(read.holders);
                chain.extend(read.definition);
            }
        }
    }
    let depends_on = read_edges(&fields);
    fields.finish("a group");
    let graph = graph::check(world.report, &vertices, &HashMap::new());
    // What is no task of the group may stand before the group.
    reach::check(
        world.report,
        &vertices,
        &graph,
        &HashMap::new(),
        |mention: &Mention| mentions.push(mention.clone()),
    );
    check_holders(world, &vertices, &holders);
    let inside = vertices.iter().map(|vertex| vertex.name.clone()).collect();
    let node = name.clone().zip(map).map(|(name, map)| TaskDefinition {
        depends_on: names_of(&depends_on),
        trigger_rule: trigger_rule.unwrap_or_default(),
        when: when.map(|words| words.text.to_owned()),
        may_fail,
        ..node(name, map)
    });
    let tasks = name.map_or_else(Vec::new, |group| {
        chain.into_iter().map(|task| within(&group, task)).collect()
    });
    let vertex = Vertex {
        name: entry.key.to_string(),
        at: entry.at,
        depends_on,
        mentions,
    };
    Some(GroupRead {
        vertex,
        inside,
        node,
        tasks,
        not_yet,
    })
}

fn names_of(edges: &[Edge]) -> Vec<TaskName> {
    edges
        .iter()
        .filter_map(|edge| edge.to.parse().ok())
        .collect()
}

/// A node without work: what says how long or how often work may be tried means nothing to it.
fn node(name: TaskName, map: MapRule) -> TaskDefinition {
    TaskDefinition {
        name,
        executor: GROUP.to_owned(),
        depends_on: Vec::new(),
        wait: Wait::Poll,
        with: Map::new(),
        timeout: None,
        total_timeout: None,
        start_timeout: None,
        poll_interval: Duration::ZERO,
        retries: Retries::default(),
        trigger_rule: TriggerRule::default(),
        may_fail: false,
        priority: 0,
        when: None,
        success: None,
        skip_when: None,
        on_unknown: OnUnknown::default(),
        expose_secrets: false,
        map: Some(map),
        within: None,
        hold_until: None,
        pool: PoolUse::default(),
        notify: None,
    }
}

/// A task as it stands in its group: the names that it uses for its fellows become full.
fn within(group: &TaskName, mut task: TaskDefinition) -> TaskDefinition {
    task.name = TaskName::within(group, &task.name);
    let full = |name: &TaskName| TaskName::within(group, name);
    task.depends_on = task.depends_on.iter().map(full).collect();
    if let Some(HoldUntil::Tasks(users)) = &mut task.hold_until {
        *users = users.iter().map(full).collect();
    }
    task.within = Some(group.clone());
    task
}
