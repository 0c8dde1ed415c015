//! An engine: a process with clocks of its own, a lease or none, and the loop over the core's functions.
//!
//! The loop mirrors that of the runtime: hear, decide, commit, and only then perform. Nothing here knows the truth.

mod asking;
mod calls;
mod giving_up;
mod hands;
mod nights;
mod saving;
mod telling;
mod ticking;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use noctule_core::backfill::Work;
use noctule_core::dag::Dag;
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Board, Event, Instant, Limits, Run, Step, TaskRunIx, advance};

use crate::agenda::{Happening, Life};
use crate::bugs::Wrong;
use crate::clock::{Ms, until};
use crate::outside::Outside;
use crate::store::DagRecord;
use hands::{Clearance, Hand};
use saving::{Batch, Committing};
use telling::Telling;

/// A hold on the lease.
pub(crate) struct Hold {
    pub(crate) epoch: u64,
    /// Trusted until then, by the monotonic clock.
    until: Ms,
    /// The same by the wall clock, which nobody should ask.
    wall_until: Instant,
}

/// A run that is under way, and what is being done for its attempts.
pub(crate) struct Live {
    pub(crate) dag: Rc<Dag>,
    pub(crate) run: Run,
    hands: BTreeMap<TaskRunIx, Hand>,
    clearings: BTreeMap<(TaskRunIx, u32), Clearance>,
}

struct Known {
    dag: Rc<Dag>,
    record: DagRecord,
}

/// What the loop holds in memory.
#[derive(Default)]
struct Loop {
    live: BTreeMap<RunId, Live>,
    board: Board,
    batch: Batch,
    committing: Option<Committing>,
    mailbox: Vec<(RunId, Event)>,
    dags: BTreeMap<DagId, Known>,
    ticks: BTreeSet<(Instant, DagId)>,
    backfills: Vec<Work>,
    telling: Option<Telling>,
    since: Option<Instant>,
    ailing: Option<(Ms, u32)>,
    serial: u64,
    hand: u64,
}

/// One engine.
pub(crate) struct Engine {
    pub(crate) life: Life,
    pub(crate) up: bool,
    pub(crate) paused: bool,
    /// What waits for the process to go on.
    pub(crate) held: Vec<Happening>,
    /// How far its wall clock is off.
    pub(crate) offset: Ms,
    pub(crate) lease: Option<Hold>,
    work: Loop,
    timer: u64,
}

impl Engine {
    pub(crate) fn new(engine: usize) -> Self {
        Self {
            life: Life { engine, number: 0 },
            up: true,
            paused: false,
            held: Vec::new(),
            offset: 0,
            lease: None,
            work: Loop::default(),
            timer: 0,
        }
    }

    pub(crate) fn wall(&self, out: &Outside) -> Instant {
        out.wall(self.offset)
    }

    /// Everything in memory is gone.
    pub(crate) fn forget(&mut self) {
        self.life.number += 1;
        self.lease = None;
        self.work = Loop::default();
    }

    /// Another one leads, or may: nothing more is done under the old lease.
    pub(crate) fn step_down(&mut self, out: &mut Outside) {
        out.struck.count("stepped down");
        self.forget();
        let again = out.mix.ttl / 3;
        out.after(again, Happening::Lease { life: self.life });
    }

    fn trusts(&self, out: &Outside) -> bool {
        self.lease.as_ref().is_some_and(|hold| {
            if out.is(Wrong::LeaseByWallClock) {
                return self.wall(out) < hold.wall_until;
            }
            out.now < hold.until
        })
    }

    pub(crate) fn is_committing(&self) -> bool {
        self.work.committing.is_some()
    }

    /// Asks for the lease, or to keep it, and again later.
    pub(crate) fn ask_for_lease(&mut self, out: &mut Outside) {
        if out.reaches_store(self.life.engine) {
            let delay = out.latency();
            let asked = Happening::LeaseAsked {
                life: self.life,
                epoch: self.lease.as_ref().map(|hold| hold.epoch),
                started: out.now,
            };
            out.after(delay, asked);
        }
        let again = out.mix.ttl / 3 + out.chance.between(-200, 200);
        out.after(again, Happening::Lease { life: self.life });
    }

    pub(crate) fn hear_of_lease(&mut self, out: &mut Outside, started: Ms, epoch: Option<u64>) {
        let Some(epoch) = epoch else {
            if self.lease.is_some() && !out.is(Wrong::FencedGoesOn) {
                self.step_down(out);
            }
            return;
        };
        let from = if out.is(Wrong::LeaseFromAnswer) {
            out.now + out.mix.margin
        } else {
            started
        };
        let trust = from + out.mix.ttl - out.mix.margin;
        if trust <= out.now {
            return;
        }
        let began = self.lease.as_ref().is_none_or(|hold| hold.epoch != epoch);
        let left = chrono::TimeDelta::milliseconds(trust - out.now);
        self.lease = Some(Hold {
            epoch,
            until: trust,
            wall_until: self.wall(out) + left,
        });
        if began {
            self.lead(out);
        }
    }

    /// A fresh holder reads the store.
    fn lead(&mut self, out: &mut Outside) {
        if !out.reaches_store(self.life.engine) {
            return self.step_down(out);
        }
        out.struck.count("takeovers");
        let store = match &out.copy {
            Some(copy) if out.is(Wrong::StaleCopyIsRead) => copy.clone(),
            _ => out.store.clone(),
        };
        self.work = Loop {
            since: Some(self.wall(out)),
            ..Loop::default()
        };
        if out.mix.changes {
            self.load_words(out, &store);
        }
        for (id, stored) in &store.runs {
            if !stored.run.is_over() {
                self.adopt(out, id, Rc::clone(&stored.dag), stored.run.clone());
            }
        }
        self.publish(out, &store);
        self.load_backfills(out, &store);
        self.turn(out);
    }

    /// Takes a run of the store in: what was in flight is unknown.
    fn adopt(&mut self, out: &mut Outside, id: &RunId, dag: Rc<Dag>, run: Run) {
        self.take_in(dag, run, !out.is(Wrong::SlotsFromMemory));
        if out.is(Wrong::AdoptByAge) {
            self.give_up_old(out, id);
        }
        if !out.is(Wrong::TakenOverInSilence) {
            self.happen(out, id, Event::Resumed);
        }
        self.happen(out, id, Event::Due);
        self.touch_all(id);
    }

    fn take_in(&mut self, dag: Rc<Dag>, run: Run, look: bool) {
        let id = run.facts.id.clone();
        let live = Live {
            dag,
            run,
            hands: BTreeMap::new(),
            clearings: BTreeMap::new(),
        };
        self.work.live.insert(id.clone(), live);
        if look {
            self.look_at_all(&id);
        }
    }

    fn look_at_all(&mut self, id: &RunId) {
        if let Some(live) = self.work.live.get(id) {
            look(&mut self.work.board, live);
        }
    }

    pub(crate) fn hear(&mut self, out: &mut Outside, run: RunId, event: Event) {
        if self.lease.is_none() {
            return;
        }
        let ails = self.work.ailing.is_some();
        if ails && out.is(Wrong::NewsIsForgotten) {
            return;
        }
        self.work.mailbox.push((run, event));
        self.turn(out);
    }

    pub(crate) fn wake(&mut self, out: &mut Outside, timer: u64) {
        if timer == self.timer && self.lease.is_some() {
            self.turn(out);
        }
    }

    /// One turn: what was heard, what is due, what may begin, one commit, what follows from it.
    pub(crate) fn turn(&mut self, out: &mut Outside) {
        if self.lease.is_none() || self.work.committing.is_some() {
            return;
        }
        if !self.trusts(out) {
            return self.step_down(out);
        }
        if self.work.ailing.is_some_and(|(until, _)| until > out.now) {
            return self.expect(out);
        }
        for (run, event) in std::mem::take(&mut self.work.mailbox) {
            self.happen(out, &run, event);
        }
        self.answer_asks(out);
        let now = self.wall(out);
        for run in self.work.board.due(now) {
            self.happen(out, &run, Event::Due);
        }
        self.fire(out, now);
        self.begin_runs(out);
        self.tend_backfills(out, now);
        self.admit(out);
        self.turn_outbox(out, now);
        self.save(out);
        self.expect(out);
    }

    /// Sets the timer of the loop.
    fn expect(&mut self, out: &mut Outside) {
        if self.lease.is_none() || self.work.committing.is_some() {
            return;
        }
        let now = self.wall(out);
        let tick = self.work.ticks.first().map(|(at, _)| *at);
        let due = [tick, self.work.board.next_due(), self.next_word()]
            .into_iter()
            .flatten()
            .min();
        let mut wait = due.map_or(out.mix.heartbeat, |due| {
            until(now, due).min(out.mix.heartbeat)
        });
        if let Some((until, _)) = self.work.ailing {
            wait = until - out.now;
        }
        self.timer += 1;
        let wake = Happening::Wake {
            life: self.life,
            timer: self.timer,
        };
        out.after(wait.max(1), wake);
    }

    /// Applies an event to a live run; the step waits for the next commit.
    fn happen(&mut self, out: &mut Outside, id: &RunId, event: Event) {
        let now = self.wall(out);
        let Some(live) = self.work.live.get_mut(id) else {
            return;
        };
        let step = advance(&live.dag, &mut live.run, event, now, &out.desk);
        self.tell_of(id, &step.records, now);
        self.keep(id, step);
    }

    fn keep(&mut self, id: &RunId, step: Step) {
        if step.is_empty() {
            return;
        }
        let Some(live) = self.work.live.get(id) else {
            return;
        };
        if step.run_changed {
            look(&mut self.work.board, live);
        } else {
            for ix in &step.touched {
                self.work.board.look(&live.dag, &live.run, *ix);
            }
        }
        let steps = &mut self.work.batch.steps;
        steps.entry(id.clone()).or_default().fold(step);
    }

    fn begin_runs(&mut self, out: &mut Outside) {
        let queued: Vec<DagId> = self.work.board.dags_with_queued().cloned().collect();
        for dag in queued {
            let Some(known) = self.work.dags.get(&dag) else {
                continue;
            };
            let most = known.dag.definition().max_active_runs;
            while let Some(run) = self.work.board.beginnable(&dag, most) {
                self.happen(out, &run, Event::Begin);
            }
        }
    }

    fn admit(&mut self, out: &mut Outside) {
        loop {
            let limits = Limits {
                slots: out.mix.slots,
                pools: &out.pools,
            };
            let mut by_run: BTreeMap<RunId, Vec<TaskRunIx>> = BTreeMap::new();
            for (run, task) in self.work.board.admissible(limits) {
                by_run.entry(run).or_default().push(task);
            }
            if by_run.is_empty() {
                return;
            }
            for (run, tasks) in by_run {
                self.happen(out, &run, Event::Admit { tasks });
            }
        }
    }

    fn leave(&mut self, id: &RunId) {
        if let Some(live) = self.work.live.remove(id) {
            self.work.board.forget(&live.run);
        }
    }
}

/// Puts all of a run on a board.
fn look(board: &mut Board, live: &Live) {
    board.look_run(&live.run);
    for ix in (0u32..).map(TaskRunIx).take(live.run.tasks.len()) {
        board.look(&live.dag, &live.run, ix);
    }
}
