//! One history: what happens, in order, to engines, store and backends, first under faults and then without.

mod commits;
mod end;
mod fate;
mod nights;
mod people;

use std::collections::BTreeMap;

use noctule_core::name::{BackfillId, DagId};
use noctule_core::run::Instant;

use crate::agenda::{Happening, Life};
use crate::backend::Backends;
use crate::engine::Engine;
use crate::outside::Outside;

/// More happenings than any history that goes on has.
const TOO_MANY: u64 = 400_000;

/// The history.
pub(crate) struct World {
    pub(crate) out: Outside,
    pub(crate) engines: Vec<Engine>,
    pub(crate) events: u64,
    pub(crate) hash: u64,
    /// From when to when each epoch has surely decided every tick.
    sessions: BTreeMap<u64, (Instant, Instant)>,
    /// From when to when each DAG was paused.
    pauses: BTreeMap<DagId, Vec<(Instant, Option<Instant>)>>,
    /// From when on the ticks of each DAG count.
    began: BTreeMap<DagId, Instant>,
    /// Those that people asked for.
    backfills: Vec<BackfillId>,
    jumped: bool,
    punctual: bool,
    pub(crate) ticks_judged: u64,
    over: bool,
}

impl World {
    pub(crate) fn new(out: Outside) -> Self {
        let engines = (0..out.mix.engines).map(Engine::new).collect();
        let mut world = Self {
            out,
            engines,
            events: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            sessions: BTreeMap::new(),
            pauses: BTreeMap::new(),
            began: BTreeMap::new(),
            backfills: Vec::new(),
            jumped: false,
            punctual: false,
            ticks_judged: 0,
            over: false,
        };
        world.set_out();
        world
    }

    fn set_out(&mut self) {
        for engine in 0..self.engines.len() {
            let life = Life { engine, number: 0 };
            let at = self.out.chance.between(0, 300);
            self.out.agenda.put(at, Happening::Lease { life });
        }
        let safety = self.out.mix.safety;
        for _ in 0..self.out.mix.asks {
            let at = self.out.chance.between(0, safety);
            self.out.agenda.put(at, Happening::Ask);
        }
        for _ in 0..self.out.mix.edits {
            let at = self.out.chance.between(0, safety);
            self.out.agenda.put(at, Happening::Edit);
        }
        let first = self.out.mix.nemesis;
        self.out.agenda.put(first, Happening::Nemesis);
        self.out.agenda.put(safety, Happening::Settle);
        let bound = safety + self.out.mix.liveness;
        self.out.agenda.put(bound, Happening::Bound);
    }

    /// Goes on to the end, or to the first rule that is broken.
    pub(crate) fn go(&mut self) {
        while let Some((at, happening)) = self.out.agenda.next() {
            self.out.now = at;
            self.events += 1;
            self.mix_in(at.unsigned_abs());
            self.mix_in(happening.kind());
            let may_be_over = matches!(
                happening,
                Happening::Committed { .. } | Happening::Lease { .. } | Happening::Bound
            );
            self.happen(happening);
            if self.out.settled && may_be_over {
                self.look_for_the_end();
            }
            if self.events > TOO_MANY {
                self.out.referee.say("it goes on and on".to_owned());
            }
            if self.over || self.out.referee.broken.is_some() {
                return;
            }
        }
    }

    fn mix_in(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn happen(&mut self, happening: Happening) {
        if let Some(life) = happening.waits_for() {
            let engine = &mut self.engines[life.engine];
            if engine.life != life || !engine.up {
                return;
            }
            if engine.paused {
                return engine.held.push(happening);
            }
        }
        let (out, engines) = (&mut self.out, &mut self.engines);
        match happening {
            Happening::Wake { life, timer } => engines[life.engine].wake(out, timer),
            Happening::Inbox { life } => engines[life.engine].turn(out),
            Happening::Reload { life } => engines[life.engine].reload(out),
            Happening::Hear { life, run, event } => engines[life.engine].hear(out, run, *event),
            Happening::Deliver { life, message } => engines[life.engine].deliver(out, &message),
            Happening::HearBack { life, id, how } => engines[life.engine].hear_back(out, &id, how),
            Happening::Act {
                life,
                run,
                task,
                hand,
            } => engines[life.engine].act(out, &run, task, hand),
            Happening::Clear {
                life,
                run,
                task,
                attempt,
                hand,
            } => engines[life.engine].clear(out, &run, task, attempt, hand),
            Happening::Committed {
                life,
                serial,
                reply,
            } => engines[life.engine].committed(out, serial, reply),
            Happening::Lease { life } => engines[life.engine].ask_for_lease(out),
            Happening::LeaseAnswered {
                life,
                started,
                epoch,
            } => engines[life.engine].hear_of_lease(out, started, epoch),
            Happening::LeaseAsked {
                life,
                epoch,
                started,
            } => self.lease_asked(life, epoch, started),
            Happening::Arrive {
                key,
                life,
                answered,
            } => self.arrive(&key, life, answered),
            Happening::Commit { life, commit } => self.commit(life, *commit),
            Happening::Ask => self.ask(),
            Happening::Edit => self.edit(),
            Happening::Nemesis => self.nemesis(),
            Happening::Strike { engine, fault } => self.strike(engine, fault),
            Happening::Heal { engine, fault } => self.heal(engine, fault),
            Happening::Settle => self.settle(),
            Happening::Bound => {
                let what = self.what_is_open();
                self.out.referee.say(format!("not over in time: {what}"));
            }
        }
    }

    /// How many launches really started work.
    pub(crate) fn launches(&self) -> u64 {
        let Backends { launches, .. } = &self.out.backends;
        launches.values().map(|count| u64::from(*count)).sum()
    }
}
