//! Asks of the inbox: each is answered in the commit that does it.

use std::rc::Rc;

use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Actor, Event, RetryScope, Trigger, plan_retry};

use super::Engine;
use crate::asks::{Answer, Wish};
use crate::bugs::Wrong;
use crate::outside::Outside;

pub(super) fn person() -> Actor {
    Actor {
        name: "ana".to_owned(),
        via: "cli".to_owned(),
    }
}

impl Engine {
    pub(super) fn answer_asks(&mut self, out: &mut Outside) {
        if self.work.ailing.is_some() || !out.reaches_store(self.life.engine) {
            return;
        }
        let open: Vec<(usize, Wish)> = out
            .store
            .asks
            .iter()
            .enumerate()
            .filter(|(_, ask)| ask.answer.is_none())
            .map(|(number, ask)| (number, ask.wish.clone()))
            .collect();
        for (number, wish) in open {
            let batch = &self.work.batch;
            if batch.answers.iter().any(|(known, _)| *known == number) {
                continue;
            }
            let answer = self.answer(out, wish);
            if out.is(Wrong::AnswerBeforeCommit) {
                out.referee.replied(&out.store, number, &answer);
            }
            self.work.batch.answers.push((number, answer));
        }
    }

    fn answer(&mut self, out: &mut Outside, wish: Wish) -> Answer {
        match wish {
            Wish::Trigger { dag, key } => self.trigger(out, &dag, key),
            Wish::Cancel { run } => {
                if !self.work.live.contains_key(&run) {
                    return Answer::Refused;
                }
                let (by, reason) = (person(), None);
                self.happen(out, &run, Event::Cancel { by, reason });
                Answer::Done { run: Some(run) }
            }
            Wish::Retry { run, all } => self.retry(out, run, all),
            Wish::RetryLatest { run, all, seen } => self.retry_latest(out, run, all, seen.as_ref()),
            Wish::Mark {
                run,
                task,
                verdict,
                leave,
            } => {
                if !self.revive(out, &run) {
                    return Answer::Refused;
                }
                let mark = Event::Mark {
                    task,
                    verdict,
                    leave_running: leave,
                    by: person(),
                    reason: None,
                };
                self.happen(out, &run, mark);
                self.give_back(&run);
                Answer::Done { run: Some(run) }
            }
            Wish::Backfill { id, range } => self.backfill(out, id, range),
            Wish::ActOnBackfill { id, act } => self.act_on_backfill(out, &id, act),
            Wish::Pause { dag } => self.pause(out, &dag),
            Wish::Resume { dag } => self.resume(out, &dag),
        }
    }

    fn trigger(&mut self, out: &mut Outside, dag: &DagId, key: Option<String>) -> Answer {
        let Some(known) = self.work.dags.get(dag) else {
            return Answer::Refused;
        };
        let version = Rc::clone(&known.dag);
        if let Some(run) = self.run_of_key(out, dag, key.as_ref()) {
            return Answer::Done { run: Some(run) };
        }
        let now = self.wall(out);
        let trigger = Trigger::Manual { by: person() };
        Answer::Done {
            run: self.bear(out, &version, trigger, now, key, now),
        }
    }

    fn run_of_key(&self, out: &Outside, dag: &DagId, key: Option<&String>) -> Option<RunId> {
        let key = key?;
        if out.is(Wrong::KeyIsNotLookedUp) {
            return None;
        }
        let births = self.work.batch.births.iter();
        let unborn = births.filter(|(_, given)| given.as_ref() == Some(key));
        let mut of_dag = unborn.filter(|(id, _)| {
            let live = self.work.live.get(*id);
            live.is_some_and(|live| live.run.facts.dag == *dag)
        });
        let stored = out.store.keys.get(&(dag.clone(), key.clone()));
        of_dag.next().map(|(id, _)| id.clone()).or(stored.cloned())
    }

    fn retry(&mut self, out: &mut Outside, run: RunId, all: bool) -> Answer {
        if !self.revive(out, &run) {
            return Answer::Refused;
        }
        let Some(live) = self.work.live.get(&run) else {
            return Answer::Refused;
        };
        let scope = RetryScope {
            all,
            ..RetryScope::default()
        };
        let Ok(tasks) = plan_retry(&live.dag, &live.run, &scope) else {
            self.give_back(&run);
            return Answer::Refused;
        };
        let (by, reason) = (person(), None);
        self.happen(
            out,
            &run,
            Event::Retry {
                tasks,
                by,
                reason,
                backfill: None,
                definition: None,
            },
        );
        Answer::Done { run: Some(run) }
    }

    fn pause(&mut self, out: &Outside, dag: &DagId) -> Answer {
        let now = self.wall(out);
        if let Some(known) = self.work.dags.get_mut(dag) {
            known.record.paused.get_or_insert(now);
            self.work.batch.dags.insert(dag.clone());
        }
        Answer::Done { run: None }
    }

    /// Ticks up to now are decided as those of the pause; the runtime does not report them one by one.
    fn resume(&mut self, out: &mut Outside, dag: &DagId) -> Answer {
        let now = self.wall(out);
        if self
            .work
            .dags
            .get(dag)
            .is_some_and(|known| known.record.paused.is_some())
        {
            self.fire(out, now);
            if let Some(known) = self.work.dags.get_mut(dag) {
                known.record.paused = None;
                self.work.batch.dags.insert(dag.clone());
            }
            self.expect_tick(dag);
        }
        Answer::Done { run: None }
    }

    pub(super) fn revive(&mut self, out: &Outside, run: &RunId) -> bool {
        if self.work.live.contains_key(run) {
            return true;
        }
        let Some(stored) = out.store.runs.get(run) else {
            return false;
        };
        self.take_in(Rc::clone(&stored.dag), stored.run.clone(), true);
        true
    }

    pub(super) fn give_back(&mut self, run: &RunId) {
        let ended = self
            .work
            .live
            .get(run)
            .is_some_and(|live| live.run.is_over());
        if ended && !self.work.batch.steps.contains_key(run) {
            self.leave(run);
        }
    }
}
