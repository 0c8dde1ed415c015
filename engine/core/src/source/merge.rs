//! Laying one tree over another: tables merge deeply, scalars and lists are replaced.
//!
//! Guarantees: each value keeps the place from which it came; the order is that of the lower tree, new keys follow.

use std::borrow::Cow;
use std::collections::HashMap;

use super::tree::{Entry, Node, Table};

/// Above this size keys are looked up by hash, so that no two tables take length × length.
const LINEAR: usize = 24;

/// `upper` over `lower`.
pub(super) fn overlay<'a>(lower: &mut Table<'a>, upper: Table<'a>) {
    if lower.entries.is_empty() {
        *lower = upper;
        return;
    }
    let large = lower.entries.len().max(upper.entries.len()) > LINEAR;
    let index: Option<HashMap<Cow<'a, str>, usize>> = large.then(|| {
        let keys = lower.entries.iter().enumerate();
        keys.map(|(at, entry)| (entry.key.clone(), at)).collect()
    });
    for entry in upper.entries {
        let at = match &index {
            Some(index) => index.get(&entry.key).copied(),
            None => lower
                .entries
                .iter()
                .position(|other| other.key == entry.key),
        };
        match at.and_then(|at| lower.entries.get_mut(at)) {
            Some(below) => overlay_entry(below, entry),
            None => lower.entries.push(entry),
        }
    }
}

fn overlay_entry<'a>(below: &mut Entry<'a>, entry: Entry<'a>) {
    match (&mut below.item.node, entry.item.node) {
        (Node::Table(lower), Node::Table(upper)) => {
            overlay(lower, upper);
            below.at = entry.at;
            below.item.place = entry.item.place;
        }
        (node, upper) => {
            *node = upper;
            below.at = entry.at;
            below.item.place = entry.item.place;
        }
    }
}
