//! Schedules: each tick is decided once, and its run is created in the same commit that says so.

use std::rc::Rc;

use noctule_core::dag::Dag;
use noctule_core::name::DagId;
use noctule_core::run::{Actor, Event, Instant, NewRun, Previous, Trigger, create};
use noctule_core::scheduling::{Arrival, Circumstances, Crowd, Dropped, DueTick, arrive, decide};
use serde_json::Map;

use super::{Engine, Known};
use crate::outside::Outside;
use crate::store::{DagRecord, Store};

impl Engine {
    /// Takes up the DAGs of the project, as they are known to the store.
    pub(super) fn publish(&mut self, out: &mut Outside, store: &Store) {
        let now = self.wall(out);
        for dag in out.dags.clone() {
            let id = dag.definition().id.clone();
            let stored = store.dags.get(&id).cloned();
            let fresh = stored.is_none();
            let record = stored.unwrap_or(DagRecord {
                considered: Some(now),
                paused: None,
            });
            self.work.dags.insert(id.clone(), Known { dag, record });
            if fresh {
                self.work.batch.dags.insert(id.clone());
            }
            self.expect_tick(&id);
        }
    }

    pub(super) fn fire(&mut self, out: &mut Outside, now: Instant) {
        while let Some((at, id)) = self.work.ticks.first().cloned() {
            if at > now {
                break;
            }
            self.work.ticks.remove(&(at, id.clone()));
            self.fire_dag(out, &id, now);
        }
    }

    fn fire_dag(&mut self, out: &mut Outside, id: &DagId, now: Instant) {
        let (Some(known), Some(since)) = (self.work.dags.get(id), self.work.since) else {
            return;
        };
        let dag = Rc::clone(&known.dag);
        let circumstances = Circumstances {
            considered: known.record.considered.unwrap_or(now),
            engine_since: since,
            paused: known.record.paused.is_some(),
            now,
        };
        let decision = decide(&dag, circumstances);
        for dropped in decision.dropped {
            self.tell_dropped(out, &dag, &dropped);
            self.work.batch.dropped.push((id.clone(), dropped));
        }
        for due in decision.runs {
            self.arrive(out, &dag, due, now);
        }
        self.consider(id, decision.considered);
        self.expect_tick(id);
    }

    fn arrive(&mut self, out: &mut Outside, dag: &Rc<Dag>, due: DueTick, now: Instant) {
        let id = &dag.definition().id;
        let is_tick = |run: &&noctule_core::name::RunId| {
            let live = self.work.live.get(*run);
            live.is_some_and(|live| live.run.facts.trigger.tick().is_some())
        };
        let crowd = Crowd {
            running: self.work.board.running(id).count(),
            queued_ticks: self.work.board.queued(id).filter(is_tick).count(),
        };
        match arrive(dag, crowd) {
            Arrival::Queue => {}
            Arrival::CancelRunning => {
                let running: Vec<_> = self.work.board.running(id).cloned().collect();
                for run in running {
                    let (by, reason) = (Actor::engine(), None);
                    self.happen(out, &run, Event::Cancel { by, reason });
                }
            }
            Arrival::Drop(reason) => {
                let dropped = Dropped {
                    first: due.tick,
                    last: due.tick,
                    count: 1,
                    reason,
                };
                self.tell_dropped(out, dag, &dropped);
                return self.work.batch.dropped.push((id.clone(), dropped));
            }
        }
        let trigger = if due.caught_up {
            Trigger::CatchUp { tick: due.tick }
        } else {
            Trigger::Schedule { tick: due.tick }
        };
        self.bear(out, dag, trigger, due.tick, None, now);
    }

    /// Creates a run: it exists with the next commit.
    pub(super) fn bear(
        &mut self,
        out: &mut Outside,
        dag: &Rc<Dag>,
        trigger: Trigger,
        at: Instant,
        key: Option<String>,
        now: Instant,
    ) -> Option<noctule_core::name::RunId> {
        let new = NewRun {
            id: out.new_run_id()?,
            profile: "local".parse().ok()?,
            trigger,
            ingestion_id: dag.ingestion_id(at).ok()?,
            logical_time: at,
            params: Map::new(),
            vars: Map::new(),
            previous: Previous::default(),
            callback: None,
        };
        let id = new.id.clone();
        let (run, step) = create(dag, new, now);
        self.take_in(Rc::clone(dag), run, true);
        self.work.batch.births.insert(id.clone(), key);
        self.keep(&id, step);
        Some(id)
    }

    pub(super) fn consider(&mut self, id: &DagId, until: Option<Instant>) {
        if let (Some(known), Some(until)) = (self.work.dags.get_mut(id), until) {
            known.record.considered = Some(until);
            self.work.batch.dags.insert(id.clone());
        }
    }

    pub(super) fn expect_tick(&mut self, id: &DagId) {
        self.work.ticks.retain(|(_, dag)| dag != id);
        let (Some(known), Some(since)) = (self.work.dags.get(id), self.work.since) else {
            return;
        };
        let after = known.record.considered.unwrap_or(since);
        let next = known
            .dag
            .schedule()
            .and_then(|schedule| schedule.next_after(after));
        if let Some(next) = next {
            self.work.ticks.insert((next, id.clone()));
        }
    }
}
