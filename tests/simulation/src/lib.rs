//! Whole histories of Noctule in virtual time: several engines, one store, backends of every nature, and every fault that
//! can be thought of, all from one seed.
//!
//! The core's own functions decide; the loop, the store and the backends around them are small models whose rules are those
//! of the real ones. After every happening a referee that knows the truth judges. The same seed gives the same history, to the
//! last bit. Nothing here reads a clock, opens a socket or a file, or depends on the order of a hash map.

mod agenda;
mod asks;
mod backend;
mod bugs;
mod chance;
mod changes;
mod clock;
mod cron;
mod dags;
mod desk;
mod engine;
mod faults;
mod outside;
mod referee;
mod store;
mod world;

use std::collections::BTreeMap;

use chrono::DateTime;
use noctule_core::planted;

pub use bugs::{Mistake, Wrong};
pub use faults::{Fault, Struck};

/// What a history is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs of every shape, for minutes.
    Work,
    /// Schedules around changes of the clocks, for hours.
    Schedules,
    /// Files that change, and what people ask for then: rounds with the latest definition, past nights.
    Changes,
}

/// What came of a history.
#[derive(Debug, Clone)]
pub struct History {
    /// The first rule that was broken, and when.
    pub broken: Option<String>,
    /// The same for the same seed.
    pub hash: u64,
    /// What happened, counted.
    pub events: u64,
    /// Faults that struck, and what was done.
    pub struck: Struck,
}

/// Lives through the history of a seed, with a known mistake or none.
#[must_use]
pub fn live_through(kind: Kind, seed: u64, mistake: Option<Mistake>) -> History {
    planted::plant(mistake.and_then(Mistake::core));
    let history = history(kind, seed, mistake.and_then(Mistake::wrong));
    planted::plant(None);
    history
}

fn history(kind: Kind, seed: u64, wrong: Option<Wrong>) -> History {
    let Some(mut world) = begin(kind, seed, wrong) else {
        let broken = Some("the history could not begin".to_owned());
        return History {
            broken,
            hash: 0,
            events: 0,
            struck: Struck::default(),
        };
    };
    world.go();
    let (launches, ticks) = (world.launches(), world.ticks_judged);
    let out = world.out;
    let mut struck = out.struck;
    for (what, count) in [
        ("launches", launches),
        ("ticks judged", ticks),
        ("attempts", out.referee.attempts),
        ("successes", out.referee.successes),
        ("runs ended", out.referee.ended_runs),
        ("commits", out.referee.commits),
        ("definitions taken", out.referee.versions.taken),
        ("journals folded", out.referee.versions.folded),
        ("nights ended", out.referee.nights.ended),
        ("words arrived", out.referee.words.arrivals()),
    ] {
        *struck.0.entry(what).or_default() += count;
    }
    let at = out.now;
    History {
        broken: out
            .referee
            .broken
            .map(|what| format!("after {at} ms: {what}")),
        hash: world.hash,
        events: world.events,
        struck,
    }
}

fn begin(kind: Kind, seed: u64, wrong: Option<Wrong>) -> Option<world::World> {
    let mut chance = chance::Chance::new(seed);
    let (mix, zone, base) = match kind {
        Kind::Work => {
            let base = DateTime::from_timestamp(1_762_516_800, 0)?;
            (faults::Mix::draw(&mut chance), "UTC", base)
        }
        Kind::Changes => {
            let base = DateTime::from_timestamp(1_762_516_800, 0)?;
            (faults::Mix::draw_for_changes(&mut chance), "UTC", base)
        }
        Kind::Schedules => {
            let zone = chance.pick(&cron::ZONES);
            let back = chance.between(0, 1_000);
            let base = cron::before_a_change(zone, back);
            (faults::Mix::draw_for_schedules(&mut chance), zone, base)
        }
    };
    let dags = dags::draw(&mut chance, &mix, base, zone);
    let store_id: noctule_core::name::StoreId = dags::name("0123abcd")?;
    let pool = (dags::POOL.0.to_owned(), dags::POOL.1);
    let out = outside::Outside {
        now: 0,
        base,
        agenda: agenda::Agenda::default(),
        chance,
        cut: vec![false; mix.engines],
        mix,
        wrong,
        store: store::Store::default(),
        copy: None,
        backends: backend::Backends::default(),
        senders: BTreeMap::new(),
        referee: referee::Referee::new(store_id.clone(), kind == Kind::Changes),
        struck: Struck::default(),
        desk: desk::Desk { store: store_id },
        versions: dags
            .iter()
            .map(|dag| vec![std::rc::Rc::clone(dag)])
            .collect(),
        dags,
        pools: BTreeMap::from([pool]),
        store_down: false,
        store_full: false,
        settled: false,
        born: 0,
    };
    (!out.dags.is_empty()).then(|| world::World::new(out))
}

/// What a campaign of so many seeds has to have done and met at least; less is a failure.
#[must_use]
pub fn minima(kind: Kind, seeds: u64) -> Vec<(&'static str, u64)> {
    let share = |tenths: u64| (seeds * tenths / 10).max(1);
    let mut minima: Vec<(&'static str, u64)> =
        faults::words().map(|word| (word, share(2))).collect();
    minima.extend([
        ("attempts", share(20)),
        ("runs ended", share(10)),
        ("successes", share(8)),
        ("takeovers", share(10)),
        ("commit answer lost", share(2)),
    ]);
    if kind == Kind::Changes {
        minima.extend([
            ("definitions taken", share(3)),
            ("journals folded", share(20)),
            ("nights ended", share(5)),
            ("words arrived", share(10)),
            ("night refused", share(1) / 5),
        ]);
    } else if kind == Kind::Work {
        minima.extend([
            ("answer lost", share(2)),
            ("request lost", share(2)),
            ("stale list", share(1) / 10),
            ("duplicated or late answer", share(1)),
            ("fenced", share(1) / 10),
        ]);
    } else {
        minima.push(("ticks judged", share(50)));
    }
    minima
}

/// How many histories it takes until a known mistake is found, and what is said then; none if it is not found.
#[must_use]
pub fn seeds_until_found(mistake: Mistake, most: u64) -> Option<(u64, String)> {
    let kind = mistake.kind();
    (0..most).find_map(|seed| {
        let broken = live_through(kind, seed, Some(mistake)).broken?;
        // What breaks without the mistake, too, shows nothing of it.
        let clean = live_through(kind, seed, None).broken.is_none();
        clean.then_some((seed + 1, broken))
    })
}
