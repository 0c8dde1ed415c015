//! The nights of backfills, one by one: its run is made, or a new round of it opened.
//!
//! Guarantees: a tick that has got a run meanwhile gets no second one. What cannot be done says why.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::backfill::{Around, Backfill, Errand, Existing, Night, Range};
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Event, NewRun, RetryScope, Trigger, plan_retry};
use noctule_core::source::resolve_params;
use serde_json::Map;

use crate::engine::Engine;
use crate::error::RuntimeError;

/// Why nothing is done for a night, and the run that was there.
type Why = (Option<RunId>, String);
/// What became of a night: its run with the round that is for it.
pub(crate) type Begun = Result<(RunId, u32), Why>;

impl Engine {
    pub(crate) fn around(&self, dag: &DagId) -> Around {
        let known = self.catalog.get(dag);
        Around {
            max_active_runs: known.map(|known| known.dag.definition().max_active_runs),
            running: self.board.running(dag).count(),
            queued: self.board.queued(dag).count(),
        }
    }

    /// Makes the run of a night, or opens a new round of it.
    pub(crate) async fn begin_night(
        &mut self,
        head: &Backfill,
        night: &Night,
        now: DateTime<Utc>,
    ) -> Result<Begun, RuntimeError> {
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
    ) -> Result<Begun, RuntimeError> {
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
        Ok(Ok((run, 1)))
    }

    async fn retry_night(
        &mut self,
        head: &Backfill,
        run: &RunId,
        all: bool,
    ) -> Result<Begun, RuntimeError> {
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
                let round = self.live.get(run).map_or(0, |live| live.run.round);
                Ok(Ok((run.clone(), round)))
            }
            Err(refusal) => {
                self.give_back(run);
                Ok(Err((Some(run.clone()), refusal.to_string())))
            }
        }
    }

    /// The runs that the ticks of a range have, also those that are not in the store yet.
    pub(crate) async fn runs_of_ticks(
        &self,
        dag: &DagId,
        range: Range,
    ) -> Result<Vec<Existing>, RuntimeError> {
        let mut all = self.store.runs_of_ticks(dag, range).await?;
        let live = self.live.values().map(|live| &live.run);
        let live = live.filter(|run| run.facts.dag == *dag);
        // What is live is known better than what is stored.
        all.extend(live.filter_map(|run| Existing::of(&run.facts, &run.phase)));
        Ok(all)
    }

    /// The run of a night was not made, or its round not opened, after all.
    pub(crate) fn night_is_left(&mut self, run: &RunId, there: Option<RunId>, why: &str) {
        let now = self.options.clock.now();
        for work in &mut self.backfills {
            let night = work.under_way().into_iter().find(|(_, of, _)| of == run);
            if let Some((ix, ..)) = night {
                work.leave(ix, there.clone(), why.to_owned(), now);
            }
        }
    }
}
