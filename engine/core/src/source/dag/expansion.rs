//! `map` and its companions: checked, not built.

use super::super::fields::{Fields, words, wrong_type};
use super::super::tree::Node;
use super::World;
use super::names::{Mention, Names};
use crate::template::Site;

/// Reads the keys of a fan-out; whether there is one.
pub(super) fn read(
    world: &World<'_, '_>,
    names: &Names<'_>,
    fields: &Fields<'_, '_>,
    found: &mut Vec<Mention>,
) -> bool {
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
    if let Some(entry) = fields.entry("map_key")
        && let Some(key) = words(world.report, "map_key", &entry.item)
    {
        names.check_text(world.report, key, Site::MapKey, true, found);
    }
    fields.count("max_parallel", 1..=u32::MAX);
    check_min_success(fields);
    for key in ["map_key", "max_parallel", "min_success"] {
        if map.is_none() && fields.table.get(key).is_some() {
            fields.bad_value(key, format!("`{key}` belongs to `map`, which is not here"));
        }
    }
    map.is_some()
}

/// A count, a share, or a percentage.
fn check_min_success(fields: &Fields<'_, '_>) {
    let Some(entry) = fields.entry("min_success") else {
        return;
    };
    let right = match &entry.item.node {
        Node::Integer(count) => *count >= 0,
        Node::Float(share) => (0.0..=1.0).contains(share),
        Node::Text(text) => {
            let number = text
                .strip_suffix('%')
                .and_then(|number| number.parse::<f64>().ok());
            number.is_some_and(|number| (0.0..=100.0).contains(&number))
        }
        _ => {
            return wrong_type(
                fields.report,
                "min_success",
                &entry.item,
                "count, share or percentage",
            );
        }
    };
    if !right {
        fields.bad_value(
            "min_success",
            "`min_success` must be a count, a share from 0.0 to 1.0, or a percentage like \"90%\"",
        );
    }
}
