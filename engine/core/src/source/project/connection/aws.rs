//! A connection of kind `aws`: who calls where, and what the tasks of one account share.
//!
//! Never: judges the form of a name; the executor does, when it reads the connection.

use super::super::super::fields::{Fields, wrong_type};
use super::super::super::tree::Node;
use super::{check_address, check_rate, check_search};

/// The keys of the kind.
pub(super) fn check(fields: &Fields<'_, '_>) {
    for key in ["region", "profile", "cluster", "target_group"] {
        fields.words(key);
    }
    for key in ["subnets", "security_groups"] {
        check_names(fields, key);
    }
    if let Some(role) = fields.table("assume_role") {
        role.required("arn", "assume_role");
        role.words("arn");
        role.words("external_id");
        role.finish("assume_role");
    }
    check_address(fields, "endpoint", true);
    check_search(fields);
    check_rate(fields);
}

/// Names, as a list or as one text with commas.
fn check_names(fields: &Fields<'_, '_>, key: &'static str) {
    let Some(entry) = fields.entry(key) else {
        return;
    };
    let is_text = |node: &Node<'_>| matches!(node, Node::Text(_));
    let fits = match &entry.item.node {
        Node::List(items) => items.iter().all(|item| is_text(&item.node)),
        node => is_text(node),
    };
    if !fits {
        wrong_type(fields.report, key, &entry.item, "list of names");
    }
}
