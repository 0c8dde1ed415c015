//! Backfills: past ticks that somebody asked for, a few at a time, behind everything else.
//!
//! As in the runtime: that a night is begun, and its run or round, are one commit; the rest follows from what is stored.

use std::rc::Rc;

use noctule_core::ask::BackfillAct;
use noctule_core::backfill::{
    Around, Backfill, Errand, Existing, Night, NightState, Phase as Standing, Range, Tally, Work,
    hold, plan,
};
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Event, Instant, Phase, RetryScope, Trigger, plan_retry};

use super::Engine;
use super::asking::person;
use crate::asks::{Answer, Range as Asked};
use crate::bugs::Wrong;
use crate::outside::Outside;
use crate::store::Store;

/// What became of a night: its run with the round that is for it, or why nothing is done.
type Begun = Result<(RunId, u32), (Option<RunId>, String)>;

impl Engine {
    /// Takes up every backfill of the store that is not over.
    pub(super) fn load_backfills(&mut self, out: &Outside, store: &Store) {
        if out.is(Wrong::BackfillsAreNotLoaded) {
            return;
        }
        let live = store.backfills.values().filter(|(head, _)| !head.is_over());
        let live = live.map(|(head, nights)| Work::stored(head.clone(), nights.clone()));
        self.work.backfills = live.collect();
    }

    pub(super) fn backfill(&mut self, out: &Outside, id: BackfillId, asked: Asked) -> Answer {
        let known = out.store.backfills.contains_key(&id)
            || self.work.backfills.iter().any(|work| work.head().id == id);
        let Some(dag) = self.work.dags.get(&asked.dag) else {
            return Answer::Refused;
        };
        if known {
            return Answer::Done { run: None };
        }
        let dag = Rc::clone(&dag.dag);
        let now = self.wall(out);
        let (from, to) = (asked.from, asked.to);
        let range = Range { from, to };
        let existing = self.runs_of_ticks(out, &asked.dag);
        let Ok(plan) = plan(&dag, range, asked.only, now, &existing) else {
            return Answer::Refused;
        };
        if plan.nights.is_empty() {
            return Answer::Refused;
        }
        let head = Backfill {
            id,
            dag: asked.dag,
            from,
            to,
            only: asked.only,
            max_parallel: asked.max_parallel,
            by: person(),
            reason: None,
            created_at: now,
            phase: Standing::Running,
            tally: Tally::default(),
        };
        self.work.backfills.push(Work::new(head, plan.nights));
        Answer::Done { run: None }
    }

    pub(super) fn act_on_backfill(
        &mut self,
        out: &Outside,
        id: &BackfillId,
        act: BackfillAct,
    ) -> Answer {
        let now = self.wall(out);
        let mut all = self.work.backfills.iter_mut();
        let Some(work) = all.find(|work| work.head().id == *id) else {
            return Answer::Refused;
        };
        match act {
            BackfillAct::Pause => drop(work.pause(person(), None, now)),
            BackfillAct::Resume => drop(work.resume()),
            BackfillAct::Cancel => drop(work.cancel(person(), None, now)),
        }
        Answer::Done { run: None }
    }

    /// Sees which nights are over, begins others, and keeps what changed for the next commit.
    pub(super) fn tend_backfills(&mut self, out: &mut Outside, now: Instant) {
        if self.work.backfills.is_empty() || !out.reaches_store(self.life.engine) {
            return;
        }
        let mut all = std::mem::take(&mut self.work.backfills);
        for work in &mut all {
            self.see_ends(out, work, now);
            self.begin_nights(out, work, now);
        }
        self.work.backfills = all;
        self.keep_nights();
    }

    /// What changed goes into the next commit.
    pub(super) fn keep_nights(&mut self) {
        for work in &mut self.work.backfills {
            if let Some((head, nights)) = work.take_changes() {
                let kept = self.work.batch.backfills.entry(head.id.clone());
                let kept = kept.or_insert_with(|| (head.clone(), Vec::new()));
                kept.0 = head;
                kept.1.extend(nights);
            }
        }
        self.work.backfills.retain(|work| !work.head().is_over());
    }

    fn see_ends(&mut self, out: &mut Outside, work: &mut Work, now: Instant) {
        for (ix, run, round) in work.under_way() {
            let live = self.work.live.get(&run).map(|live| &live.run);
            let stored = out.store.runs.get(&run).map(|stored| &stored.run);
            let Some(known) = live.or(stored) else {
                let why = format!("its run {run} is not in the store any more");
                work.leave(ix, None, why, now);
                continue;
            };
            let careful = !out.is(Wrong::RefusedNightGoesOn);
            match known.phase {
                Phase::Ended { .. } if careful && self.work.batch.begins_night(&run) => {}
                Phase::Ended { .. }
                    if careful && round.is_some_and(|round| known.round < round) =>
                {
                    let why = format!("round {} of its run was not written", known.round + 1);
                    work.leave(ix, Some(run), why, now);
                }
                Phase::Ended { ending, .. } => work.end(ix, ending, now),
                Phase::Queued { .. } | Phase::Running { .. } => {
                    self.stop_with(out, work.head(), &run);
                }
            }
        }
    }

    fn stop_with(&mut self, out: &mut Outside, head: &Backfill, run: &RunId) {
        let Standing::Cancelled { by, .. } = &head.phase else {
            return;
        };
        let stopping = self.work.live.get(run).is_none_or(|live| {
            let ours = live.run.backfill.as_ref() == Some(&head.id);
            !ours || matches!(live.run.phase, Phase::Running { stop: Some(_), .. })
        });
        if !stopping {
            let (by, reason) = (by.clone(), None);
            self.happen(out, run, Event::Cancel { by, reason });
        }
    }

    fn begin_nights(&mut self, out: &mut Outside, work: &mut Work, now: Instant) {
        while hold(work.head(), self.around(&work.head().dag)).is_none() {
            let Some((ix, night)) = work.first_waiting() else {
                return;
            };
            let night = night.clone();
            match self.begin_night(out, work.head(), &night, now) {
                Ok((run, round)) => {
                    out.struck.count(match night.errand {
                        Errand::Make => "nights made",
                        Errand::Retry { .. } | Errand::Again { .. } => "nights retried",
                    });
                    self.happen(out, &run, Event::Begin);
                    work.begin(ix, run, round, now);
                }
                Err((run, why)) => work.leave(ix, run, why, now),
            }
        }
    }

    fn around(&self, dag: &DagId) -> Around {
        let known = self.work.dags.get(dag);
        Around {
            max_active_runs: known.map(|known| known.dag.definition().max_active_runs),
            running: self.work.board.running(dag).count(),
            queued: self.work.board.queued(dag).count(),
        }
    }

    fn begin_night(
        &mut self,
        out: &mut Outside,
        head: &Backfill,
        night: &Night,
        now: Instant,
    ) -> Begun {
        match &night.errand {
            Errand::Make => self.make_night(out, head, night, now),
            Errand::Retry { run } => self.retry_night(out, head, run, false),
            Errand::Again { run } => self.retry_night(out, head, run, true),
        }
    }

    fn make_night(
        &mut self,
        out: &mut Outside,
        head: &Backfill,
        night: &Night,
        now: Instant,
    ) -> Begun {
        let there = self.runs_of_ticks(out, &head.dag);
        if let Some(there) = there.into_iter().find(|there| there.tick() == night.tick) {
            let run = there.run().clone();
            return Err((Some(run), "it has got a run meanwhile".to_owned()));
        }
        let dag = self
            .work
            .dags
            .get(&head.dag)
            .map(|known| Rc::clone(&known.dag));
        let trigger = Trigger::Backfill {
            tick: night.tick,
            by: head.by.clone(),
            backfill: head.id.clone(),
        };
        let born = dag.and_then(|dag| self.bear(out, &dag, trigger, night.tick, None, now));
        born.map(|run| (run, 1))
            .ok_or_else(|| (None, "it could not be made".to_owned()))
    }

    fn retry_night(&mut self, out: &mut Outside, head: &Backfill, run: &RunId, all: bool) -> Begun {
        let gone = || (None, format!("its run {run} is not in the store any more"));
        if !self.revive(out, run) {
            return Err(gone());
        }
        let live = self.work.live.get(run).ok_or_else(gone)?;
        let scope = RetryScope {
            all,
            ..RetryScope::default()
        };
        let tasks = match plan_retry(&live.dag, &live.run, &scope) {
            Ok(tasks) => tasks,
            Err(refusal) => {
                self.give_back(run);
                return Err((Some(run.clone()), refusal.to_string()));
            }
        };
        let retry = Event::Retry {
            tasks,
            by: head.by.clone(),
            reason: None,
            backfill: Some(head.id.clone()),
            definition: None,
        };
        self.happen(out, run, retry);
        let round = self.work.live.get(run).map_or(0, |live| live.run.round);
        Ok((run.clone(), round))
    }

    /// The runs that ticks have, also those that are not in the store yet; what is live is known better.
    fn runs_of_ticks(&self, out: &Outside, dag: &DagId) -> Vec<Existing> {
        let stored = out.store.runs.values().map(|stored| &stored.run);
        let live = self.work.live.values().map(|live| &live.run);
        let of_dag = stored.chain(live).filter(|run| run.facts.dag == *dag);
        of_dag
            .filter_map(|run| Existing::of(&run.facts, &run.phase))
            .collect()
    }

    /// The run of a night was not made, or its round not opened, after all.
    pub(super) fn night_is_left(&mut self, out: &Outside, run: &RunId, why: &str) {
        if out.is(Wrong::RefusedNightGoesOn) {
            return;
        }
        let now = self.wall(out);
        for work in &mut self.work.backfills {
            let night = work.under_way().into_iter().find(|(_, of, _)| of == run);
            if let Some((ix, ..)) = night {
                let there = out.store.runs.contains_key(run).then(|| run.clone());
                work.leave(ix, there, why.to_owned(), now);
            }
        }
    }
}

/// Whether a commit has the beginning of a backfill's night by this run.
pub(super) fn begins(nights: &[(u32, Night)], run: &RunId) -> bool {
    let mut states = nights.iter().map(|(_, night)| &night.state);
    states.any(|state| matches!(state, NightState::Running { run: begun, .. } if begun == run))
}
