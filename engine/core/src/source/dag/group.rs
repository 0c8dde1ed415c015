//! `[groups.*]`: a chain that each item walks on its own. Checked, not built.

use std::collections::HashMap;

use super::super::fields::Fields;
use super::super::report::Note;
use super::super::tree::Entry;
use super::names::{Mention, Names};
use super::nodes::{Vertex, read_edges, read_name};
use super::shape::Surroundings;
use super::task::{self, TRIGGER_RULES};
use super::{World, expansion, graph, reach};
use crate::template::Site;

/// A group as the rest of the DAG sees it, and the names within.
pub(super) struct GroupRead {
    pub(super) vertex: Vertex,
    pub(super) inside: Vec<String>,
    pub(super) not_yet: Vec<String>,
}

pub(super) fn read<'a>(
    world: &World<'_, 'a>,
    around: &Surroundings<'_, 'a>,
    names: &Names<'_>,
    entry: &Entry<'a>,
) -> Option<GroupRead> {
    let fields = Fields::of_entry(world.report, entry)?;
    read_name(world.report, &entry.key, entry.at, "group");
    world.report.say(Note::remark(
        "not_yet",
        entry.at,
        "groups are not built yet: runs of this DAG are refused",
    ));
    let mut mentions = Vec::new();
    if !expansion::read(world, names, &fields, &mut mentions) && !fields.has("map") {
        fields.missing("map", "a group");
    }
    fields.choice("trigger_rule", &TRIGGER_RULES);
    if let Some(words) = fields.words("when") {
        names.check_expression(world.report, words, Site::Map, false, &mut mentions);
    }
    let (mut vertices, mut not_yet) = (Vec::new(), vec!["groups".to_owned()]);
    if let Some(tasks) = fields
        .required("tasks", "a group")
        .and_then(|tasks| Fields::of_entry(world.report, tasks))
    {
        for entry in &tasks.table.entries {
            if let Some(read) = task::read(world, around, names, entry, true) {
                not_yet.extend(read.not_yet);
                vertices.push(read.vertex);
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
    let inside = vertices.iter().map(|vertex| vertex.name.clone()).collect();
    let vertex = Vertex {
        name: entry.key.to_string(),
        at: entry.at,
        depends_on,
        mentions,
    };
    Some(GroupRead {
        vertex,
        inside,
        not_yet,
    })
}
