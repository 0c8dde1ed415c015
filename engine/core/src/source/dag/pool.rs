//! `pool`: checked, not counted yet.

use super::super::diagnostic::shown;
use super::super::fields::Fields;
use super::super::report::Note;
use super::super::suggest;
use super::super::tree::Node;
use super::World;

pub(super) fn check<'a>(world: &World<'_, 'a>, fields: &Fields<'_, 'a>) {
    let Some(entry) = fields.entry("pool") else {
        return;
    };
    let report = world.report;
    let words = match &entry.item.node {
        Node::Table(table) => {
            let pool = Fields::new(report, table, entry.at);
            pool.required("name", "pool");
            let words = pool.words("name");
            pool.count("slots", 1..=1_000_000);
            pool.finish("pool");
            words
        }
        _ => fields.words("pool"),
    };
    let Some(words) = words else { return };
    let pools = &world.project.pools;
    if words.text != "default" && !pools.contains_key(words.text) {
        let known = pools.keys().map(String::as_str).chain(["default"]);
        let guess = report.did_you_mean(words.text, known.clone());
        let note = Note::error(
            "unknown_pool",
            words.place,
            format!("there is no pool `{}`{guess}", shown(words.text)),
        );
        return report.say(note.maybe_help(suggest::known("the project has", known)));
    }
    if words.text != "default" {
        fields.not_yet(
            "pool",
            "pools are not counted yet: only `engine.slots` limits what runs at once",
        );
    }
}
