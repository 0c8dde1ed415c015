//! `map` and its companions.

use super::super::fields::{Fields, words, wrong_type};
use super::super::tree::Node;
use super::World;
use super::names::{Mention, Names};
use crate::dag::{MapRule, MinSuccess};
use crate::template::Site;

/// Reads the keys of a fan-out, if there is one.
pub(super) fn read(
    world: &World<'_, '_>,
    names: &Names<'_>,
    fields: &Fields<'_, '_>,
    found: &mut Vec<Mention>,
) -> Option<MapRule> {
    let map = fields.entry("map");
    if let Some(entry) = map {
        match &entry.item.node {
            Node::List(_) => {
                names.check_item(world.report, &entry.item, "map", Site::Map, false, found);
            }
            Node::Text(text) if text.contains("{{") => {
                names.check_item(world.report, &entry.item, "map", Site::Map, false, found);
            }
            _ => wrong_type(
                world.report,
                "map",
                &entry.item,
                "list, or a template that gives one",
            ),
        }
    }
    let mut key = None;
    if let Some(entry) = fields.entry("map_key")
        && let Some(words) = words(world.report, "map_key", &entry.item)
    {
        names.check_text(world.report, words, Site::MapKey, true, found);
        key = Some(words.text.to_owned());
    }
    let max_parallel = fields.count("max_parallel", 1..=u32::MAX);
    let min_success = min_success(fields).unwrap_or_default();
    for key in ["map_key", "max_parallel", "min_success"] {
        if map.is_none() && fields.table.get(key).is_some() {
            fields.bad_value(key, format!("`{key}` belongs to `map`, which is not here"));
        }
    }
    map.map(|map| MapRule {
        items: map.item.node.to_json(),
        key,
        max_parallel,
        min_success,
    })
}

/// A count, a share, or a percentage.
fn min_success(fields: &Fields<'_, '_>) -> Option<MinSuccess> {
    let entry = fields.entry("min_success")?;
    let read = match &entry.item.node {
        Node::Integer(count) => u64::try_from(*count).ok().map(MinSuccess::Count),
        Node::Float(share) => Some(*share)
            .filter(|share| (0.0..=1.0).contains(share))
            .map(MinSuccess::Share),
        Node::Text(text) => text
            .strip_suffix('%')
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|number| (0.0..=100.0).contains(number))
            .map(|number| MinSuccess::Share(number / 100.0)),
        _ => {
            wrong_type(
                fields.report,
                "min_success",
                &entry.item,
                "count, share or percentage",
            );
            return None;
        }
    };
    if read.is_none() {
        fields.bad_value(
            "min_success",
            "`min_success` must be a count, a share from 0.0 to 1.0, or a percentage like \"90%\"",
        );
    }
    read
}
