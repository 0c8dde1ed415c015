//! Schedules: each tick is decided once, and its run is created in the same commit that says so.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_core::dag::Dag;
use noctule_core::name::{DagId, RunId};
use noctule_core::run::{Actor, Event, NewRun, Trigger, create};
use noctule_core::scheduling::{
    Arrival, Circumstances, Crowd, DropReason, Dropped, DueTick, arrive, decide,
};
use noctule_core::word::not_started;
use noctule_store::DroppedTicks;

use crate::batch::Of;
use crate::engine::Engine;
use crate::error::RuntimeError;

impl Engine {
    /// Decides every tick that has come.
    pub(crate) async fn fire(&mut self, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        if !self.options.fires {
            return Ok(());
        }
        while let Some((at, id)) = self.ticks.first().cloned() {
            if at > now {
                break;
            }
            self.ticks.remove(&(at, id.clone()));
            self.fire_dag(&id, now).await?;
        }
        Ok(())
    }

    async fn fire_dag(&mut self, id: &DagId, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        let Some(known) = self.catalog.get(id) else {
            return Ok(());
        };
        let dag = Arc::clone(&known.dag);
        let considered = known.record.considered_until.unwrap_or(now);
        let paused = known.record.pause.is_some();
        let decision = decide(
            &dag,
            Circumstances {
                considered,
                engine_since: self.since,
                paused,
                now,
            },
        );
        for dropped in decision.dropped {
            self.drop_ticks(id, dropped, now);
        }
        for due in decision.runs {
            self.arrive(&dag, due, now).await?;
        }
        self.consider(id, decision.considered);
        self.expect_tick(id);
        Ok(())
    }

    /// One tick meets the runs that are there.
    pub(crate) async fn arrive(
        &mut self,
        dag: &Arc<Dag>,
        due: DueTick,
        now: DateTime<Utc>,
    ) -> Result<(), RuntimeError> {
        let id = &dag.definition().id;
        let is_tick = |run: &&RunId| {
            self.live
                .get(*run)
                .is_some_and(|live| live.run.facts.trigger.tick().is_some())
        };
        // No tick is dropped for a backfill: it waits for the place.
        let yields = |run: &&RunId| self.yields(run);
        let queued = self.board.queued(id).filter(is_tick);
        let crowd = Crowd {
            running: self.board.running(id).filter(|run| !yields(run)).count(),
            queued_ticks: queued.filter(|run| !yields(run)).count(),
        };
        match arrive(dag, crowd) {
            Arrival::Queue => {}
            Arrival::CancelRunning => self.cancel_running(id),
            Arrival::Drop(reason) => {
                let dropped = Dropped {
                    first: due.tick,
                    last: due.tick,
                    count: 1,
                    reason,
                };
                self.drop_ticks(id, dropped, now);
                return Ok(());
            }
        }
        self.create_for_tick(dag, due, now).await
    }

    /// Whether a run is for a backfill.
    fn yields(&self, run: &RunId) -> bool {
        let live = self.live.get(run);
        live.is_some_and(|live| live.run.backfill.is_some())
    }

    fn cancel_running(&mut self, id: &DagId) {
        let running = self.board.running(id).filter(|run| !self.yields(run));
        let running: Vec<RunId> = running.cloned().collect();
        for run in running {
            let reason = Some("the next tick came, and `overlap` is \"cancel_running\"".to_owned());
            self.happen(
                &run,
                Event::Cancel {
                    by: Actor::engine(),
                    reason,
                },
            );
        }
    }

    pub(crate) async fn create_for_tick(
        &mut self,
        dag: &Arc<Dag>,
        due: DueTick,
        now: DateTime<Utc>,
    ) -> Result<(), RuntimeError> {
        let id = &dag.definition().id;
        let reason = match dag.ingestion_id(due.tick) {
            Ok(ingestion_id) => {
                let trigger = if due.caught_up {
                    Trigger::CatchUp { tick: due.tick }
                } else {
                    Trigger::Schedule { tick: due.tick }
                };
                let params = match noctule_core::source::resolve_params(
                    dag.definition(),
                    &serde_json::Map::new(),
                ) {
                    Ok(params) => params,
                    Err(problems) => {
                        tracing::error!(dag = %id, tick = %due.tick, ?problems, "a tick cannot become a run");
                        self.drop_ticks(id, unmakeable(due), now);
                        return Ok(());
                    }
                };
                let new = NewRun {
                    id: self.new_run_id(),
                    profile: self.options.profile.clone(),
                    trigger,
                    ingestion_id,
                    logical_time: due.tick,
                    params,
                    vars: self.surroundings.vars.as_ref().clone(),
                    previous: self.store.previous_times(id, due.tick).await?,
                    callback: None,
                };
                self.bear(dag, new, None, now);
                return Ok(());
            }
            Err(error) => error,
        };
        tracing::error!(dag = %id, tick = %due.tick, error = %reason, "a tick cannot become a run");
        self.drop_ticks(id, unmakeable(due), now);
        Ok(())
    }

    /// Creates a run: it exists with the next commit.
    pub(crate) fn bear(
        &mut self,
        dag: &Arc<Dag>,
        new: NewRun,
        key: Option<String>,
        now: DateTime<Utc>,
    ) {
        let id = new.id.clone();
        self.pin(dag);
        let (run, step) = create(dag, new, now);
        self.take_in(Arc::clone(dag), run);
        self.batch.births.insert(id.clone(), key);
        self.keep(&id, step);
    }

    pub(crate) fn drop_ticks(&mut self, id: &DagId, dropped: Dropped, at: DateTime<Utc>) {
        let reason = dropped.reason;
        if !matches!(reason, DropReason::Paused) {
            tracing::warn!(dag = %id, first = %dropped.first, last = %dropped.last, count = dropped.count, "ticks dropped: {}", reason.words());
        }
        let known = self.catalog.get(id);
        let told = known.and_then(|known| not_started(&known.dag, &dropped, self.store.id(), at));
        self.tell_all(told.as_slice(), &Of::Dropped(id.clone()));
        let all = self.batch.dropped.entry(id.clone()).or_default();
        all.push(DroppedTicks {
            dag: id.clone(),
            dropped,
            at,
        });
    }

    /// Ticks up to here are decided.
    pub(crate) fn consider(&mut self, id: &DagId, until: Option<DateTime<Utc>>) {
        if let (Some(known), Some(until)) = (self.catalog.get_mut(id), until) {
            known.record.considered_until = Some(until);
            self.batch.dags.insert(id.clone());
        }
    }

    /// Puts the next tick of a DAG on the list.
    pub(crate) fn expect_tick(&mut self, id: &DagId) {
        self.ticks.retain(|(_, dag)| dag != id);
        let Some(known) = self.catalog.get(id) else {
            return;
        };
        let enabled = known
            .dag
            .definition()
            .schedule
            .as_ref()
            .is_some_and(|schedule| schedule.enabled);
        let Some(schedule) = known.dag.schedule().filter(|_| enabled) else {
            return;
        };
        let after = known.record.considered_until.unwrap_or(self.since);
        if let Some(next) = schedule.next_after(after) {
            self.ticks.insert((next, id.clone()));
        }
    }
}

fn unmakeable(due: DueTick) -> Dropped {
    Dropped {
        first: due.tick,
        last: due.tick,
        count: 1,
        reason: DropReason::Unmakeable,
    }
}
