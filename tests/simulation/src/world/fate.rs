//! What fate does to engines, store and backends, and how it stops.

use super::World;
use crate::agenda::Happening;
use crate::clock::{HOUR, MINUTE, SECOND, YEAR};
use crate::faults::Fault;

impl World {
    pub(super) fn nemesis(&mut self) {
        let out = &mut self.out;
        if out.settled || out.mix.faults.is_empty() {
            return;
        }
        let fault = out.chance.pick(&out.mix.faults.clone());
        let engine = out.chance.below(self.engines.len() as u64) as usize;
        let most = 2 * out.mix.nemesis;
        let again = out.chance.between(500, most);
        out.after(again, Happening::Nemesis);
        self.strike(engine, fault);
    }

    pub(super) fn strike(&mut self, at: usize, fault: Fault) {
        let out = &mut self.out;
        let engine = &mut self.engines[at];
        let is_idle = !engine.up || out.settled;
        if is_idle && !matches!(fault, Fault::StoreDown | Fault::StoreFull | Fault::Storm)
            || out.settled
        {
            return;
        }
        let lasts = match fault {
            Fault::Crash => out.chance.pick(&[100, 1_000, 20_000]),
            Fault::Pause | Fault::Partition => out.chance.between(1, 60) * SECOND,
            Fault::HandOver => 500,
            _ => out.chance.between(1, 40) * SECOND,
        };
        match fault {
            Fault::Crash => {
                engine.forget();
                engine.up = false;
                engine.paused = false;
                engine.held.clear();
                if out.mix.os_lock {
                    out.store.lease = None;
                }
            }
            Fault::Pause => engine.paused = true,
            Fault::HandOver => {
                if engine.lease.is_none() || engine.is_committing() || engine.paused {
                    return;
                }
                let mine = engine.lease.as_ref().map(|hold| hold.epoch) == Some(out.store.epoch);
                if mine {
                    out.store.lease = None;
                }
                engine.forget();
                engine.up = false;
            }
            Fault::ClockJump => {
                self.jumped = true;
                engine.offset = match out.mix.years {
                    true => out.chance.pick(&[YEAR, 0, HOUR]),
                    false => out.chance.pick(&[HOUR, -HOUR, 0, 3 * MINUTE, -90 * SECOND]),
                };
            }
            Fault::StoreDown => out.store_down = true,
            Fault::StoreFull => out.store_full = true,
            Fault::Storm => out.backends.storm = true,
            Fault::Partition => out.cut[at] = true,
        }
        out.struck.fault(fault);
        out.after(lasts, Happening::Heal { engine: at, fault });
    }

    pub(super) fn heal(&mut self, at: usize, fault: Fault) {
        let out = &mut self.out;
        let engine = &mut self.engines[at];
        match fault {
            Fault::Crash | Fault::HandOver if !engine.up => {
                engine.up = true;
                let life = engine.life;
                out.after(0, Happening::Lease { life });
            }
            Fault::Pause if engine.paused => {
                engine.paused = false;
                for happening in std::mem::take(&mut engine.held) {
                    out.after(0, happening);
                }
            }
            Fault::StoreDown => out.store_down = false,
            Fault::StoreFull => out.store_full = false,
            Fault::Storm => out.backends.storm = false,
            Fault::Partition => out.cut[at] = false,
            Fault::ClockJump | Fault::Crash | Fault::HandOver | Fault::Pause => {}
        }
    }

    /// The safety phase is over: what is broken is repaired, and stays so.
    pub(super) fn settle(&mut self) {
        let ahead = self.engines.iter().map(|engine| engine.offset).max();
        let years = self.out.mix.years;
        for at in 0..self.engines.len() {
            self.engines[at].offset = if years {
                ahead.unwrap_or(0).max(YEAR)
            } else {
                0
            };
            for fault in [Fault::Crash, Fault::Pause, Fault::Partition] {
                self.heal(at, fault);
            }
        }
        let out = &mut self.out;
        out.settled = true;
        (out.store_down, out.store_full) = (false, false);
        let now = out.now;
        out.backends.settle(now);
    }
}
