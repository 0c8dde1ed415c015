//! One history: what happens, in order, to engines, store and backends, first under faults and then without.

use std::collections::BTreeMap;

use noctule_core::name::DagId;
use noctule_core::run::{Instant, Verdict};

use crate::agenda::{Happening, Life};
use crate::asks::{Answer, Asked, Wish};
use crate::backend::Backends;
use crate::bugs::Wrong;
use crate::clock::{HOUR, MINUTE, Ms, SECOND, YEAR};
use crate::cron;
use crate::engine::Engine;
use crate::faults::Fault;
use crate::outside::Outside;
use crate::referee::Truth;
use crate::store::{Commit, Reply, Write, Written};

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
            Happening::Hear { life, run, event } => engines[life.engine].hear(out, run, *event),
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

    fn lease_asked(&mut self, life: Life, held: Option<u64>, started: Ms) {
        let out = &mut self.out;
        if !out.reaches_store(life.engine) {
            return;
        }
        let judged_at = if out.is(Wrong::ExpiryByOwnClock) {
            out.now + self.engines[life.engine].offset
        } else {
            out.now
        };
        let (now, ttl) = (out.now, out.mix.ttl);
        let wrong = out.wrong;
        let epoch = out
            .store
            .acquire(life.engine, held, now, judged_at, ttl, wrong);
        if out.strikes(out.mix.lost_commit_answer, "lease answer lost") {
            return;
        }
        let delay = out.latency();
        let answer = Happening::LeaseAnswered {
            life,
            started,
            epoch,
        };
        out.after(delay, answer);
    }

    fn arrive(&mut self, key: &noctule_executor::AttemptKey, life: Life, answered: bool) {
        let out = &mut self.out;
        let Some(to) = out.senders.get(key).cloned() else {
            return;
        };
        let Outside {
            backends,
            chance,
            mix,
            ..
        } = out;
        if backends.launch(key, to.kind, to.lasts, out.now, chance, mix) {
            let launches = out.backends.launches.get(key).copied().unwrap_or(0);
            out.referee.started(&out.store, to.kind, key, launches);
        }
        if answered {
            let delay = out.latency();
            let (news, wait) = Engine::answer_of(out, &to, key);
            out.tell_news(life, &to, news, delay + wait);
        }
    }

    fn commit(&mut self, life: Life, commit: Commit) {
        let serial = commit.serial;
        let out = &mut self.out;
        let (reply, delay) = if !out.reaches_store(life.engine) {
            out.struck.count("commit unanswered");
            (Reply::Silence, 5 * SECOND)
        } else if out.store_full {
            out.struck.count("commit refused");
            (Reply::Refused, out.latency())
        } else {
            let reply = self.apply(life, commit);
            let out = &mut self.out;
            let done = matches!(reply, Reply::Done(_));
            if done && out.strikes(out.mix.lost_commit_answer, "commit answer lost") {
                (Reply::Silence, 5 * SECOND)
            } else {
                let delay = out.latency();
                (reply, delay)
            }
        };
        let committed = Happening::Committed {
            life,
            serial,
            reply,
        };
        self.out.after(delay, committed);
    }

    /// A commit that has arrived at a store that is well.
    fn apply(&mut self, life: Life, commit: Commit) -> Reply {
        let out = &mut self.out;
        let place = (commit.epoch, commit.serial);
        if let Some(written) = out.store.done.get(&place) {
            out.struck.count("commit made once, sent twice");
            return Reply::Done(written.clone());
        }
        if commit.epoch != out.store.epoch {
            if !out.is(Wrong::NoFencing) {
                out.struck.count("fenced");
                return Reply::Fenced;
            }
            let (old, new) = (commit.epoch, out.store.epoch);
            out.referee
                .say(format!("a commit of epoch {old} lands in epoch {new}"));
        }
        self.witness(&commit);
        let turn = commit.turn;
        let is_answer = |write: &&Write| matches!(write, Write::Answer { .. });
        let answers: Vec<Write> = commit.writes.iter().filter(is_answer).cloned().collect();
        let writes = commit.writes.into_iter();
        let written = writes
            .map(|write| self.write(write, turn))
            .collect::<Vec<_>>();
        let out = &mut self.out;
        for write in answers {
            if let Write::Answer {
                ask,
                answer: Answer::Done { run: Some(run) },
            } = write
                && !out.store.runs.contains_key(&run)
            {
                out.referee.say(format!(
                    "ask {ask} is answered with {run}, which is not there"
                ));
            }
        }
        out.store.remember(place.0, place.1, written.clone());
        out.referee.commits += 1;
        out.referee.limits(&out.store, out.mix.slots);
        let lags = out.chance.hits(300);
        if out.is(Wrong::StaleCopyIsRead) && lags {
            let copy = out.store.clone();
            out.copy = Some(copy);
        }
        self.worst_moment(life);
        Reply::Done(written)
    }

    /// What a commit says about ticks.
    fn witness(&mut self, commit: &Commit) {
        let turn = commit.turn;
        let session = self.sessions.entry(commit.epoch).or_insert((turn, turn));
        session.1 = session.1.max(turn);
        for write in &commit.writes {
            if let Write::Dag { dag, record } = write
                && let Some(considered) = record.considered
            {
                self.began.entry(dag.clone()).or_insert(considered);
                let pauses = self.pauses.entry(dag.clone()).or_default();
                match (record.paused, pauses.last_mut()) {
                    (Some(_), Some((_, None))) | (None, None | Some((_, Some(_)))) => {}
                    (Some(_), _) => pauses.push((turn, None)),
                    (None, Some((_, end))) => *end = Some(turn),
                }
            }
        }
    }

    fn write(&mut self, write: Write, turn: Instant) -> Written {
        let (id, dag, records) = match &write {
            Write::Create {
                run, dag, records, ..
            } => (
                run.facts.id.clone(),
                std::rc::Rc::clone(dag),
                records.clone(),
            ),
            Write::Step { run, records, .. } => {
                let Some(stored) = self.out.store.runs.get(run) else {
                    self.out
                        .referee
                        .say(format!("a step of {run}, which is not there"));
                    return Written::Done;
                };
                (
                    run.clone(),
                    std::rc::Rc::clone(&stored.dag),
                    records.clone(),
                )
            }
            _ => return self.out.store.write(write, self.out.wrong),
        };
        let scheduled =
            matches!(&write, Write::Create { run, .. } if run.facts.trigger.tick().is_some());
        let old = self
            .out
            .store
            .runs
            .get(&id)
            .map(|stored| stored.run.clone());
        let written = self.out.store.write(write, self.out.wrong);
        if std::env::var("DBG").is_ok() {
            for record in &records {
                eprintln!(
                    "{} {id} {:?} {:?} {:?}",
                    self.out.now, record.task, record.attempt, record.fact
                );
            }
        }
        for record in &records {
            self.mix_in(record.at.timestamp_millis().unsigned_abs());
            self.mix_in(record.task.map_or(0, |ix| u64::from(ix.0) + 1));
            self.mix_in(u64::from(record.attempt.unwrap_or(0)));
        }
        let out = &mut self.out;
        if let (Written::Done, Some(stored)) = (&written, out.store.runs.get(&id)) {
            let truth = Truth {
                backends: &out.backends,
                now: out.now,
                turn,
            };
            out.referee
                .stepped(&dag, old.as_ref(), &stored.run, &records, &truth);
        }
        if scheduled {
            out.referee.one_run_for_each_tick(&out.store);
        }
        written
    }

    /// A crash, or a stop, between a commit and what follows from it.
    fn worst_moment(&mut self, life: Life) {
        let out = &mut self.out;
        if !out.strikes(out.mix.worst_moment, "struck right after a commit") {
            return;
        }
        let fault = out.chance.pick(&[Fault::Crash, Fault::Pause]);
        let most = 2 * out.mix.latency + 20;
        let soon = out.chance.between(0, most);
        let engine = life.engine;
        out.after(soon, Happening::Strike { engine, fault });
    }

    fn ask(&mut self) {
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
                let task = noctule_core::run::TaskRunIx(out.chance.below(tasks) as u32);
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
        out.store.asks.push(Asked { wish, answer: None });
        for engine in &self.engines {
            let delay = out.chance.between(0, 100);
            out.after(delay, Happening::Inbox { life: engine.life });
        }
    }

    fn nemesis(&mut self) {
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

    fn strike(&mut self, at: usize, fault: Fault) {
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

    fn heal(&mut self, at: usize, fault: Fault) {
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
    fn settle(&mut self) {
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

    /// After everything has ended there is nothing more to see.
    fn look_for_the_end(&mut self) {
        let out = &self.out;
        let since = out.now - out.mix.safety;
        if since >= 30 * SECOND && !self.punctual {
            self.punctual = true;
            self.is_punctual();
        }
        let quiet = if self.out.mix.cron {
            45 * MINUTE
        } else {
            45 * SECOND
        };
        if since < quiet || !self.what_is_open().is_empty() {
            return;
        }
        self.over = true;
        self.judge_ticks();
    }

    fn what_is_open(&self) -> String {
        let store = &self.out.store;
        let runs = store.runs.values().filter(|stored| !stored.run.is_over());
        let runs = runs.map(|stored| {
            let states = stored.run.tasks.iter().map(|task| task.state.word());
            format!("{} {:?}", stored.run.facts.id, states.collect::<Vec<_>>())
        });
        let asks = store.asks.iter().filter(|ask| ask.answer.is_none());
        let asks = asks.map(|ask| format!("{:?}", ask.wish));
        runs.chain(asks).take(3).collect::<Vec<_>>().join("; ")
    }

    /// Half a minute after everything is well, no tick waits.
    fn is_punctual(&mut self) {
        if !self.out.mix.cron {
            return;
        }
        let healed = self.out.wall(-30 * SECOND);
        for dag in self.out.dags.clone() {
            let definition = dag.definition();
            let (Some(rule), Some(began)) = (&definition.schedule, self.began.get(&definition.id))
            else {
                continue;
            };
            let considered = self.out.store.dags[&definition.id].considered;
            let last = cron::ticks(rule, *began, healed).last().copied();
            if last > considered {
                let what = format!("{}: {last:?} is still to be decided", definition.id);
                self.out.referee.say(what);
            }
        }
    }

    fn judge_ticks(&mut self) {
        let sessions: Vec<(Instant, Instant)> = self.sessions.values().copied().collect();
        for dag in self.out.dags.clone() {
            let Some(began) = self.began.get(&dag.definition().id) else {
                continue;
            };
            let pauses = self.pauses.get(&dag.definition().id);
            let known = cron::Known {
                began: *began,
                jumped: self.jumped,
                sessions: &sessions,
                pauses: pauses.map_or(&[], Vec::as_slice),
            };
            match cron::judge(&self.out.store, &dag, &known) {
                Ok(ticks) => self.ticks_judged += ticks,
                Err(what) => self.out.referee.say(what),
            }
        }
    }

    /// How many launches really started work.
    pub(crate) fn launches(&self) -> u64 {
        let Backends { launches, .. } = &self.out.backends;
        launches.values().map(|count| u64::from(*count)).sum()
    }
}
