//! What people ask for, what fate does to engines, store and backends, and how it stops.

use noctule_core::run::{TaskRunIx, Verdict};

use super::World;
use crate::agenda::Happening;
use crate::asks::{Asked, Wish};
use crate::clock::{HOUR, MINUTE, SECOND, YEAR};
use crate::faults::Fault;

impl World {
    pub(super) fn ask(&mut self) {
        let out = &mut self.out;
        if out.store_down {
            return;
        }
        let dag = out.chance.below(out.dags.len() as u64) as usize;
        let dag = out.dags[dag].definition().id.clone();
        let place = out.chance.below(out.store.runs.len() as u64) as usize;
        let run = out.store.runs.keys().nth(place).cloned();
        let wish = match (out.chance.below(10), run) {
            (6, Some(run)) => Wish::Cancel { run },
            (7, Some(run)) => Wish::Retry {
                run,
                all: out.chance.hits(300),
            },
            (8, Some(run)) if out.mix.mark => {
                let tasks = out.store.runs[&run].run.tasks.len() as u64;
                let task = TaskRunIx(out.chance.below(tasks) as u32);
                let leave = out.chance.hits(300);
                out.referee.marked.insert(run.clone());
                if leave {
                    out.referee.left.insert(run.clone());
                }
                Wish::Mark {
                    run,
                    task,
                    verdict: out.chance.pick(&[
                        Verdict::Succeeded,
                        Verdict::Failed,
                        Verdict::Skipped,
                    ]),
                    leave,
                }
            }
            (9, _) if out.chance.hits(500) => Wish::Pause { dag },
            (9, _) => Wish::Resume { dag },
            _ => Wish::Trigger {
                dag,
                key: out
                    .chance
                    .hits(500)
                    .then(|| format!("k{}", out.chance.below(2))),
            },
        };
        let (at, answer) = (out.wall(0), None);
        out.store.asks.push(Asked { wish, at, answer });
        for engine in &self.engines {
            let delay = out.chance.between(0, 100);
            out.after(delay, Happening::Inbox { life: engine.life });
        }
    }

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
