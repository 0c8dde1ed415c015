//! `pool`: the pool that a task uses, and how much of it. A use that can never fit is an error here, not a wait for ever.

use super::super::diagnostic::shown;
use super::super::fields::{Fields, Words};
use super::super::report::{Note, Place};
use super::super::suggest;
use super::super::tree::Node;
use super::World;
use crate::dag::{DEFAULT_POOL, PoolUse};

pub(super) fn read<'a>(world: &World<'_, 'a>, fields: &Fields<'_, 'a>) -> PoolUse {
    let Some(entry) = fields.entry("pool") else {
        return PoolUse::default();
    };
    let (name, slots) = match &entry.item.node {
        Node::Table(table) => {
            let pool = Fields::new(world.report, table, entry.at);
            pool.required("name", "pool");
            let name = pool.words("name");
            let slots = pool.count("slots", 1..=1_000_000);
            let place = pool.place_of("slots");
            pool.finish("pool");
            (name, slots.map(|slots| (slots, place)))
        }
        _ => (fields.words("pool"), None),
    };
    let Some(name) = name else {
        return PoolUse::default();
    };
    if name.text == DEFAULT_POOL {
        check_default(world, slots);
        return PoolUse::default();
    }
    check_size(world, name, slots);
    PoolUse {
        name: name.text.into(),
        slots: slots.map_or(1, |(slots, _)| slots),
    }
}

fn check_default(world: &World<'_, '_>, slots: Option<(u32, Place)>) {
    if let Some((2.., place)) = slots {
        let message =
            "`slots`: a task holds one of `engine.slots`, and the default pool is nothing besides";
        let note = Note::error("bad_value", place, message);
        world
            .report
            .say(note.help("name a pool of [pools] to hold more than one of it"));
    }
}

fn check_size(world: &World<'_, '_>, name: Words<'_>, slots: Option<(u32, Place)>) {
    let (report, pools) = (world.report, &world.project.pools);
    let Some(size) = pools.get(name.text) else {
        let known = pools.keys().map(String::as_str).chain([DEFAULT_POOL]);
        let guess = report.did_you_mean(name.text, known.clone());
        let note = Note::error(
            "unknown_pool",
            name.place,
            format!("there is no pool `{}`{guess}", shown(name.text)),
        );
        return report.say(note.maybe_help(suggest::known("the project has", known)));
    };
    if let Some((slots, place)) = slots.filter(|(slots, _)| slots > size) {
        let message = format!(
            "`slots`: the task takes {slots} of pool `{}`, which has {size}: it could never start",
            shown(name.text)
        );
        report.say(
            Note::error("pool_too_small", place, message)
                .help("take less, or make the pool larger in [pools] of noctule.toml"),
        );
    }
}
