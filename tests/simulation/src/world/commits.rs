//! What arrives at the store and at the backends, and what the referee sees of it.

use noctule_core::name::DagId;
use noctule_core::run::{Fact, Instant, Record};

use super::World;
use super::nights::Nights;
use crate::agenda::{Happening, Life};
use crate::asks::{Answer, Wish};
use crate::bugs::Wrong;
use crate::clock::{Ms, SECOND};
use crate::engine::Engine;
use crate::faults::Fault;
use crate::outside::Outside;
use crate::referee::Truth;
use crate::store::{Commit, Reply, Write, Written};

impl World {
    pub(super) fn lease_asked(&mut self, life: Life, held: Option<u64>, started: Ms) {
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

    pub(super) fn arrive(
        &mut self,
        key: &noctule_executor::AttemptKey,
        life: Life,
        answered: bool,
    ) {
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

    pub(super) fn commit(&mut self, life: Life, commit: Commit) {
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
        let nights = Nights::of(&commit.writes, &self.out.store);
        let writes = commit.writes.into_iter();
        let written = writes
            .map(|write| self.write(write, turn))
            .collect::<Vec<_>>();
        let out = &mut self.out;
        nights.judge(&mut out.referee, &out.store);
        for write in answers {
            let Write::Answer { ask, answer } = write else {
                continue;
            };
            out.referee.answered_with(&out.store, ask, &answer);
            if let Answer::Done { run: Some(run) } = answer
                && !out.store.runs.contains_key(&run)
            {
                let what = format!("ask {ask} is answered with {run}, which is not there");
                out.referee.say(what);
            }
        }
        out.store.remember(place.0, place.1, written.clone());
        out.referee.commits += 1;
        out.referee.limits(&out.store, out.mix.slots);
        if out.mix.changes {
            out.referee.words(&out.store);
        }
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
                // The first commit may say of ticks already what became of them.
                let said = commit.writes.iter().filter_map(|write| match write {
                    Write::Create { run, .. } if run.facts.dag == *dag => {
                        let trigger = &run.facts.trigger;
                        trigger.tick().filter(|_| trigger.backfill().is_none())
                    }
                    Write::Dropped { dag: of, dropped } if of == dag => Some(dropped.first),
                    _ => None,
                });
                let before = said.map(|tick| tick - chrono::TimeDelta::seconds(1));
                let began = before.fold(considered, Instant::min);
                self.began.entry(dag.clone()).or_insert(began);
                let resumed = self.resumed(commit, dag);
                let pauses = self.pauses.entry(dag.clone()).or_default();
                if let Some((since, end @ None)) = pauses.last_mut()
                    && (record.paused.is_none() || resumed.is_some())
                {
                    *end = Some(resumed.unwrap_or(turn).clamp(*since, turn.max(*since)));
                }
                if record.paused.is_some() && !matches!(pauses.last(), Some((_, None))) {
                    pauses.push((turn, None));
                }
            }
        }
    }

    /// When somebody asked for the resuming that a commit answers. The store may refuse a commit for long; the ticks that
    /// fall due meanwhile are those of a DAG that goes on, and become durable with the word that it does.
    fn resumed(&self, commit: &Commit, dag: &DagId) -> Option<Instant> {
        let answered = commit.writes.iter().filter_map(|write| match write {
            Write::Answer { ask, .. } => self.out.store.asks.get(*ask),
            _ => None,
        });
        answered
            .filter(|asked| matches!(&asked.wish, Wish::Resume { dag: of } if of == dag))
            .map(|asked| asked.at)
            .min()
    }

    fn write(&mut self, write: Write, turn: Instant) -> Written {
        let (id, records) = match &write {
            Write::Create { run, records, .. } => (run.facts.id.clone(), records.clone()),
            Write::Step { run, records, .. } => {
                if !self.out.store.runs.contains_key(run) {
                    let what = format!("a step of {run}, which is not there");
                    self.out.referee.say(what);
                    return Written::Done;
                }
                (run.clone(), records.clone())
            }
            Write::Dropped { dag, dropped } => {
                let out = &mut self.out;
                let mut dags = out.dags.iter();
                if let Some(dag) = dags.find(|known| known.definition().id == *dag) {
                    out.referee.dropped(dag, dropped);
                }
                return out.store.write(write, out.wrong);
            }
            _ => return self.out.store.write(write, self.out.wrong),
        };
        if self.is_refused(&write) {
            self.out.referee.refused(&id);
            return Written::Failed;
        }
        let scheduled =
            matches!(&write, Write::Create { run, .. } if run.facts.trigger.tick().is_some());
        let old = self.out.store.runs.get(&id).cloned();
        let written = self.out.store.write(write, self.out.wrong);
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
            let new = (&*stored.dag, &stored.run);
            let was = old.as_ref().map(|old| &old.run);
            out.referee.stepped(new.0, was, new.1, &records, &truth);
            if let Some(old) = &old {
                let was = (&*old.dag, &old.run);
                out.referee.versioned(was, new, &records, &truth);
            }
            out.referee.journal(&stored.dag, &id, &records);
            out.referee.expect_words(new.0, &records);
        }
        if scheduled {
            out.referee.one_run_for_each_tick(&out.store);
        }
        written
    }

    /// Now and then the store refuses what is written of the run of a night.
    fn is_refused(&mut self, write: &Write) -> bool {
        let opens = |record: &Record| {
            matches!(
                &record.fact,
                Fact::RunRetried {
                    backfill: Some(_),
                    ..
                }
            )
        };
        // What ends at once is told at once: the runtime tells it although the end was not written.
        let ends = |record: &Record| matches!(&record.fact, Fact::RunEnded { .. });
        let of_night = match write {
            Write::Create { run, records, .. } => {
                run.facts.trigger.backfill().is_some() && !records.iter().any(ends)
            }
            Write::Step { records, .. } => records.iter().any(opens) && !records.iter().any(ends),
            _ => false,
        };
        let out = &mut self.out;
        of_night && out.strikes(out.mix.refused_night, "night refused")
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
}
