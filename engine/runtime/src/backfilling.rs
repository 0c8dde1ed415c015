//! Backfills under way: their nights are begun where nothing else waits, and their ends are written with the ends of the runs.
//!
//! Guarantees: that a night is begun, and its run or new round, become durable in one commit, so that a kill neither forgets
//! nor doubles one. What a backfill does follows from its stored state alone: a fresh engine goes on with it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, BackfillAct, BackfillWish, Refusal};
use noctule_core::backfill::{
    Around, Backfill, Errand, Existing, Night, Phase, Range, Tally, Work, hold, plan,
};
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Actor, Event, NewRun, Phase as RunPhase, RetryScope, Trigger, plan_retry};
use noctule_core::source::resolve_params;
use noctule_store::{BackfillFilter, RunFilter};
use serde_json::Map;

use crate::asking::{done, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;

/// Nights that are begun or left alone in one turn of the loop.
const AT_ONCE: usize = 100;

/// Why nothing is done for a night, and the run that was there.
type Why = (Option<RunId>, String);

impl Engine {
    /// Takes up every backfill of the store that is not over.
    pub(crate) async fn load_backfills(&mut self) -> Result<(), RuntimeError> {
        let filter = BackfillFilter {
            live: true,
            limit: u32::MAX,
            ..BackfillFilter::default()
        };
        for head in self.store.find_backfills(&filter).await? {
            let nights = self.store.nights(&head.id).await?;
            self.backfills.push(Work::stored(head, nights));
        }
        // The oldest first.
        self.backfills.reverse();
        Ok(())
    }

    pub(crate) async fn backfill(
        &mut self,
        wish: BackfillWish,
        by: Actor,
    ) -> Result<Answer, RuntimeError> {
        if let Some(theirs) = self.dag_of(&wish.backfill).await? {
            if theirs != wish.dag {
                let message = format!("the id {} is taken by another backfill", wish.backfill);
                return Ok(refused(Refusal::Conflict, message));
            }
            return Ok(Answer::Done {
                run: None,
                existing: true,
                notes: Vec::new(),
            });
        }
        let Some(known) = self.catalog.get(&wish.dag) else {
            let message = format!("there is no DAG `{}`", wish.dag);
            return Ok(refused(Refusal::NotFound, message));
        };
        let dag = Arc::clone(&known.dag);
        if let Some(theirs) = wish.version.as_ref().filter(|theirs| *theirs != dag.hash()) {
            let (ours, theirs) = (dag.hash().short(), theirs.short());
            let message = format!(
                "the engine has version {ours} of `{}`, you have {theirs}: reload it first",
                wish.dag
            );
            return Ok(refused(Refusal::Conflict, message));
        }
        if let [first, ..] = dag.definition().not_yet.as_slice() {
            let message = format!("`{}` cannot run yet: {first}", wish.dag);
            return Ok(refused(Refusal::Invalid, message));
        }
        if wish.max_parallel == 0 {
            let message = "a backfill has at least one run at a time";
            return Ok(refused(Refusal::Invalid, message));
        }
        if let Err(problems) = resolve_params(dag.definition(), &Map::new()) {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Ok(refused(Refusal::Invalid, problems.join("; ")));
        }
        let now = self.options.clock.now();
        let range = Range {
            from: wish.from,
            to: wish.to,
        };
        let existing = self.runs_of_ticks(&wish.dag, range).await?;
        let plan = match plan(&dag, range, wish.only, now, &existing) {
            Ok(plan) => plan,
            Err(error) => return Ok(refused(Refusal::Invalid, error.to_string())),
        };
        if plan.nights.is_empty() {
            let why = plan.left.first().map_or("", |left| left.why.as_str());
            let message = format!("nothing is to be done: of the first tick, {why}");
            return Ok(refused(Refusal::Conflict, message));
        }
        tracing::info!(backfill = %wish.backfill, dag = %wish.dag, nights = plan.nights.len(), by = %by.name, "a backfill");
        let head = Backfill {
            id: wish.backfill,
            dag: wish.dag,
            from: wish.from,
            to: wish.to,
            only: wish.only,
            max_parallel: wish.max_parallel,
            by,
            reason: wish.reason,
            created_at: now,
            phase: Phase::Running,
            tally: Tally::default(),
        };
        self.backfills.push(Work::new(head, plan.nights));
        Ok(done(None))
    }

    /// Whose backfill it is, if there is one of that id.
    async fn dag_of(&self, id: &BackfillId) -> Result<Option<DagId>, RuntimeError> {
        let mut live = self.backfills.iter().map(Work::head);
        if let Some(head) = live.find(|head| head.id == *id) {
            return Ok(Some(head.dag.clone()));
        }
        Ok(self.store.backfill(id).await?.map(|head| head.dag))
    }

    pub(crate) async fn act_on_backfill(
        &mut self,
        id: &BackfillId,
        act: BackfillAct,
        by: Actor,
        reason: Option<String>,
    ) -> Result<Answer, RuntimeError> {
        let now = self.options.clock.now();
        let Some(work) = self.backfills.iter_mut().find(|work| work.head().id == *id) else {
            return Ok(match self.store.backfill(id).await? {
                Some(head) => refused(
                    Refusal::Conflict,
                    format!("backfill {id} has already {}", head.phase.word()),
                ),
                None => refused(Refusal::NotFound, format!("there is no backfill {id}")),
            });
        };
        tracing::info!(backfill = %id, ?act, by = %by.name, "asked of a backfill");
        let is_new = match act {
            BackfillAct::Pause => work.pause(by, reason, now),
            BackfillAct::Resume => work.resume(),
            BackfillAct::Cancel => work.cancel(by, reason, now),
        };
        if let Phase::Cancelled { .. } = work.head().phase
            && act != BackfillAct::Cancel
        {
            let message = format!("backfill {id} was cancelled");
            return Ok(refused(Refusal::Conflict, message));
        }
        Ok(Answer::Done {
            run: None,
            existing: !is_new,
            notes: Vec::new(),
        })
    }

    /// Sees which nights are over, begins others, and keeps what changed for the next commit.
    pub(crate) async fn tend_backfills(&mut self, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        let mut all = std::mem::take(&mut self.backfills);
        if self.options.fires {
            for work in &mut all {
                self.see_ends(work, now).await?;
                if !self.draining {
                    self.begin_nights(work, now).await?;
                }
            }
        }
        for work in &mut all {
            if let Some((head, nights)) = work.take_changes() {
                let id = head.id.clone();
                let kept = self.batch.backfills.entry(id);
                let kept = kept.or_insert_with(|| (head.clone(), Vec::new()));
                kept.0 = head;
                kept.1.extend(nights);
            }
        }
        all.retain(|work| !work.head().is_over());
        self.backfills = all;
        Ok(())
    }

    async fn see_ends(&mut self, work: &mut Work, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        for (ix, run) in work.under_way() {
            let phase = match self.live.get(&run) {
                Some(live) => Some(live.run.phase.clone()),
                None => self.store.summary(&run).await?.map(|run| run.phase),
            };
            match phase {
                Some(RunPhase::Ended { ending, .. }) => work.end(ix, ending, now),
                Some(RunPhase::Queued { .. } | RunPhase::Running { .. }) => {
                    self.stop_with(work.head(), &run);
                }
                None => {
                    let why = format!("its run {run} is not in the store any more");
                    work.leave(ix, None, why, now);
                }
            }
        }
        Ok(())
    }

    /// The runs of a backfill that was cancelled are cancelled.
    fn stop_with(&mut self, head: &Backfill, run: &RunId) {
        let Phase::Cancelled { by, reason, .. } = &head.phase else {
            return;
        };
        let stopping = self.live.get(run).is_none_or(|live| {
            let ours = live.run.backfill.as_ref() == Some(&head.id);
            !ours || matches!(live.run.phase, RunPhase::Running { stop: Some(_), .. })
        });
        if !stopping {
            let why = reason
                .as_ref()
                .map_or_else(String::new, |why| format!(": {why}"));
            let reason = Some(format!("its backfill {} was cancelled{why}", head.id));
            let by = by.clone();
            self.happen(run, Event::Cancel { by, reason });
        }
    }

    async fn begin_nights(
        &mut self,
        work: &mut Work,
        now: DateTime<Utc>,
    ) -> Result<(), RuntimeError> {
        for _ in 0..AT_ONCE {
            if hold(work.head(), self.around(&work.head().dag)).is_some() {
                return Ok(());
            }
            let Some((ix, night)) = work.first_waiting() else {
                return Ok(());
            };
            let night = night.clone();
            match self.begin_night(work.head(), &night, now).await? {
                Ok(run) => {
                    self.happen(&run, Event::Begin);
                    work.begin(ix, run, now);
                }
                Err((run, why)) => work.leave(ix, run, why, now),
            }
        }
        Ok(())
    }

    fn around(&self, dag: &DagId) -> Around {
        let known = self.catalog.get(dag);
        Around {
            max_active_runs: known.map(|known| known.dag.definition().max_active_runs),
            running: self.board.running(dag).count(),
            queued: self.board.queued(dag).count(),
        }
    }

    /// Makes the run of a night, or opens a new round of it.
    async fn begin_night(
        &mut self,
        head: &Backfill,
        night: &Night,
        now: DateTime<Utc>,
    ) -> Result<Result<RunId, Why>, RuntimeError> {
        match &night.errand {
            Errand::Make => self.make_night(head, night, now).await,
            Errand::Retry { run } => self.retry_night(head, run, false).await,
            Errand::Again { run } => self.retry_night(head, run, true).await,
        }
    }

    async fn make_night(
        &mut self,
        head: &Backfill,
        night: &Night,
        now: DateTime<Utc>,
    ) -> Result<Result<RunId, Why>, RuntimeError> {
        let Some(known) = self.catalog.get(&head.dag) else {
            return Ok(Err((None, "the file of its DAG is gone".to_owned())));
        };
        let dag = Arc::clone(&known.dag);
        let one = Range {
            from: night.tick,
            to: night.tick,
        };
        let there = self.runs_of_ticks(&head.dag, one).await?;
        if let Some(there) = there.into_iter().find(|there| there.tick() == night.tick) {
            let run = there.run().clone();
            return Ok(Err((Some(run), "it has got a run meanwhile".to_owned())));
        }
        let params = match resolve_params(dag.definition(), &Map::new()) {
            Ok(params) => params,
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return Ok(Err((None, problems.join("; "))));
            }
        };
        let new = NewRun {
            id: self.new_run_id(),
            profile: self.options.profile.clone(),
            trigger: Trigger::Backfill {
                tick: night.tick,
                by: head.by.clone(),
                backfill: head.id.clone(),
            },
            ingestion_id: night.ingestion_id.clone(),
            logical_time: night.tick,
            params,
            vars: self.surroundings.vars.as_ref().clone(),
            previous: self.store.previous_times(&head.dag, night.tick).await?,
            callback: None,
        };
        let run = new.id.clone();
        self.bear(&dag, new, None, now);
        Ok(Ok(run))
    }

    async fn retry_night(
        &mut self,
        head: &Backfill,
        run: &RunId,
        all: bool,
    ) -> Result<Result<RunId, Why>, RuntimeError> {
        let gone = || Err((None, format!("its run {run} is not in the store any more")));
        if !self.revive(run).await? {
            return Ok(gone());
        }
        let Some(live) = self.live.get(run) else {
            return Ok(gone());
        };
        let scope = RetryScope {
            all,
            ..RetryScope::default()
        };
        match plan_retry(&live.dag, &live.run, &scope) {
            Ok(tasks) => {
                let retry = Event::Retry {
                    tasks,
                    by: head.by.clone(),
                    reason: head.reason.clone(),
                    backfill: Some(head.id.clone()),
                    definition: None,
                };
                self.happen(run, retry);
                Ok(Ok(run.clone()))
            }
            Err(refusal) => {
                self.give_back(run);
                Ok(Err((Some(run.clone()), refusal.to_string())))
            }
        }
    }

    /// The runs that the ticks of a range have, also those that are not in the store yet.
    async fn runs_of_ticks(
        &self,
        dag: &DagId,
        range: Range,
    ) -> Result<Vec<Existing>, RuntimeError> {
        let filter = RunFilter {
            dag: Some(dag.clone()),
            nominal: Some((range.from, range.to)),
            limit: u32::MAX,
            ..RunFilter::default()
        };
        let stored = self.store.find_runs(&filter).await?;
        let stored = stored.iter().map(|run| (&run.facts, &run.phase));
        let live = self.live.values().map(|live| &live.run);
        let live = live
            .filter(|run| run.facts.dag == *dag)
            .map(|run| (&run.facts, &run.phase));
        // What is live is known better than what is stored.
        let all = stored.chain(live);
        Ok(all
            .filter_map(|(facts, phase)| Existing::of(facts, phase))
            .collect())
    }

    /// The run of a night was not made after all.
    pub(crate) fn night_is_left(&mut self, run: &RunId, there: Option<RunId>, why: &str) {
        let now = self.options.clock.now();
        for work in &mut self.backfills {
            let night = work.under_way().into_iter().find(|(_, of)| of == run);
            if let Some((ix, _)) = night {
                work.leave(ix, there.clone(), why.to_owned(), now);
            }
        }
    }
}
