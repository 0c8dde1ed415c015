//! The nodes of a graph as they stand in the file: tasks and groups, with where each edge is written.

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::{Note, Place, Report};
use super::names::Mention;
use crate::name::TaskName;

/// A task, or a group seen from outside.
#[derive(Debug, Clone)]
pub(super) struct Vertex {
    pub(super) name: String,
    /// Where its table begins.
    pub(super) at: Place,
    pub(super) depends_on: Vec<Edge>,
    /// The tasks that its templates name.
    pub(super) mentions: Vec<Mention>,
}

/// One name in `depends_on`.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) to: String,
    pub(super) place: Place,
}

pub(super) fn read_edges(fields: &Fields<'_, '_>) -> Vec<Edge> {
    let list = fields.list("depends_on").unwrap_or_default();
    list.into_iter()
        .map(|words| Edge {
            to: words.text.to_owned(),
            place: words.place,
        })
        .collect()
}

pub(super) fn read_name(
    report: &Report<'_>,
    text: &str,
    at: Place,
    what: &str,
) -> Option<TaskName> {
    let parsed = if crate::name::is_identifier(text) {
        text.parse().ok()
    } else {
        None
    };
    if parsed.is_none() {
        let note = Note::error(
            "bad_name",
            at,
            format!("`{}` is no name of a {what}", shown(text)),
        );
        report.say(note.help("letters, digits and `_`, the first no digit, at most 128"));
    }
    parsed
}
