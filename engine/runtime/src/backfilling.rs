//! Backfills under way: their nights are begun where nothing else waits, and their ends are written with the ends of the runs.
//!
//! Guarantees: that a night is begun, and its run or new round, become durable in one commit, so that a kill neither forgets
//! nor doubles one. What a backfill does follows from its stored state alone: a fresh engine goes on with it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::ask::{Answer, BackfillAct, BackfillWish, Refusal};
use noctule_core::backfill::{Backfill, Phase, Range, Tally, Work, hold, plan, ticks};
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Actor, Event, Phase as RunPhase};
use noctule_core::source::resolve_params;
use noctule_store::BackfillFilter;
use serde_json::Map;

use crate::asking::{done, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;

/// Nights that are begun or left alone in one turn of the loop, of all backfills together: each asks the store, and
/// tonight's ticks wait for the turn. The next one comes within a tenth of a second.
const AT_ONCE: usize = 20;
/// Backfills that are read at once.
const PAGE: u32 = 100;

impl Engine {
    /// Takes up every backfill of the store that is not over.
    pub(crate) async fn load_backfills(&mut self) -> Result<(), RuntimeError> {
        let mut before = None;
        loop {
            let filter = BackfillFilter {
                live: true,
                before: before.take(),
                limit: PAGE,
                ..BackfillFilter::default()
            };
            let page = self.store.find_backfills(&filter).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id.clone());
            for head in page {
                let nights = self.store.nights(&head.id).await?;
                self.backfills.push(Work::stored(head, nights));
            }
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
        // Counted before anything is read for them.
        let existing = match ticks(&dag, range, now) {
            Ok(ticks) => self.runs_of_ticks(&wish.dag, Range::over(&ticks)).await?,
            Err(error) => return Ok(refused(Refusal::Invalid, error.to_string())),
        };
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
            let mut left = AT_ONCE;
            for work in &mut all {
                self.see_ends(work, now).await?;
                if !self.draining {
                    self.begin_nights(work, &mut left, now).await?;
                }
            }
        }
        for work in &mut all {
            if let Some((head, nights)) = work.take_changes() {
                self.batch.keep_backfill(head, nights);
            }
        }
        all.retain(|work| !work.head().is_over());
        self.backfills = all;
        Ok(())
    }

    async fn see_ends(&mut self, work: &mut Work, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        for (ix, run, round) in work.under_way() {
            let (there, phase) = match self.live.get(&run) {
                Some(live) => (live.run.round, live.run.phase.clone()),
                None => match self.store.summary(&run).await? {
                    Some(run) => (run.round, run.phase),
                    None => {
                        let why = format!("its run {run} is not in the store any more");
                        work.leave(ix, None, why, now);
                        continue;
                    }
                },
            };
            match phase {
                // Whether it was begun is known with the commit: the end of a round before is none of it.
                RunPhase::Ended { .. } if self.batch.begins_night(&run) => {}
                RunPhase::Ended { .. } if round.is_some_and(|round| there < round) => {
                    let why = format!("round {} of its run was not written", there + 1);
                    work.leave(ix, Some(run), why, now);
                }
                RunPhase::Ended { ending, .. } => work.end(ix, ending, now),
                RunPhase::Queued { .. } | RunPhase::Running { .. } => {
                    self.stop_with(work.head(), &run);
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
        left: &mut usize,
        now: DateTime<Utc>,
    ) -> Result<(), RuntimeError> {
        while *left > 0 {
            if hold(work.head(), self.around(&work.head().dag)).is_some() {
                return Ok(());
            }
            let Some((ix, night)) = work.first_waiting() else {
                return Ok(());
            };
            let night = night.clone();
            *left -= 1;
            match self.begin_night(work.head(), &night, now).await? {
                Ok((run, round)) => {
                    self.happen(&run, Event::Begin);
                    work.begin(ix, run, round, now);
                }
                Err((run, why)) => work.leave(ix, run, why, now),
            }
        }
        Ok(())
    }
}
