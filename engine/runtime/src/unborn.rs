//! Ticks whose runs the store refused.
//!
//! Guarantees: none is silently gone. It stands in the record of its DAG, with the reason, from the commit that says that
//! the tick was decided, until the commit that makes its run or says why it gets none. The engine that saw it tries again,
//! ever later; another one treats it as a tick that was missed, and asks `catchup`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::name::DagId;
use noctule_core::run::{RunFacts, Trigger};
use noctule_core::scheduling::{DropReason, Dropped, DueTick, once_more, still_due};
use noctule_store::{StoreError, Unborn};

use crate::engine::Engine;
use crate::error::RuntimeError;

/// The pauses grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The ticks that are tried again.
#[derive(Default)]
pub(crate) struct Waiting(BTreeMap<(DagId, DateTime<Utc>), Tried>);

struct Tried {
    since: DateTime<Utc>,
    caught_up: bool,
    failures: u32,
    due: tokio::time::Instant,
}

impl Waiting {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Its run is durable.
    pub(crate) fn is_born(&mut self, facts: &RunFacts) {
        if let Some(tick) = facts.trigger.tick() {
            self.0.remove(&(facts.dag.clone(), tick));
        }
    }
}

impl Engine {
    /// The run of a tick was refused: it is not forgotten.
    pub(crate) fn tick_is_refused(&mut self, facts: &RunFacts, error: &StoreError) {
        let (tick, caught_up) = match facts.trigger {
            Trigger::Schedule { tick } => (tick, false),
            Trigger::CatchUp { tick } => (tick, true),
            _ => return,
        };
        // Also where its file went meanwhile.
        let known = self.catalog.get_mut(&facts.dag);
        let known = known.map(|known| &mut known.record);
        let Some(record) = known.or_else(|| self.batch.withdrawn.get_mut(&facts.dag)) else {
            return;
        };
        let now = self.options.clock.now();
        let key = (facts.dag.clone(), tick);
        let tried = self.unborn.0.entry(key).or_insert_with(|| Tried {
            since: now,
            caught_up,
            failures: 0,
            due: tokio::time::Instant::now(),
        });
        let (first, longest) = PAUSES;
        let factor = 2u32.saturating_pow(tried.failures.min(16));
        tried.due = tokio::time::Instant::now() + first.saturating_mul(factor).min(longest);
        tried.failures += 1;
        let (why, since) = (error.to_string(), tried.since);
        record.unborn.retain(|unborn| unborn.tick != tick);
        record.unborn.push(Unborn { tick, why, since });
        self.batch.dags.insert(facts.dag.clone());
    }

    /// Another engine left these ticks of a DAG that this one has just come to know.
    pub(crate) fn inherit_unborn(&mut self, id: &DagId) {
        if !self.options.fires {
            return;
        }
        let now = self.options.clock.now();
        let Some(known) = self.catalog.get(id) else {
            return;
        };
        let dag = Arc::clone(&known.dag);
        for Unborn { tick, since, .. } in known.record.unborn.clone() {
            match once_more(&dag, tick, now) {
                Ok(()) => {
                    let due = tokio::time::Instant::now();
                    let tried = Tried {
                        since,
                        caught_up: true,
                        failures: 0,
                        due,
                    };
                    self.unborn.0.insert((id.clone(), tick), tried);
                }
                Err(reason) => self.let_go_of_tick(id, tick, reason, now),
            }
        }
    }

    /// Tries those again whose time has come.
    pub(crate) async fn bear_again(&mut self, now: DateTime<Utc>) -> Result<(), RuntimeError> {
        let clock = tokio::time::Instant::now();
        let due = self.unborn.0.iter().filter(|(_, tried)| tried.due <= clock);
        let due: Vec<_> = due
            .map(|(key, tried)| (key.clone(), tried.caught_up))
            .collect();
        for ((id, tick), caught_up) in due {
            // Whose file is gone waits in the record for its return.
            let known = self.catalog.get_mut(&id);
            let known =
                known.filter(|known| known.record.unborn.iter().any(|one| one.tick == tick));
            let Some(known) = known else {
                self.unborn.0.remove(&(id, tick));
                continue;
            };
            let (dag, paused) = (Arc::clone(&known.dag), known.record.pause.is_some());
            match still_due(&dag, tick, paused) {
                Ok(()) => {
                    known.record.unborn.retain(|unborn| unborn.tick != tick);
                    self.batch.dags.insert(id.clone());
                    if let Some(tried) = self.unborn.0.get_mut(&(id.clone(), tick)) {
                        // Until it is heard of again.
                        tried.due = clock + PAUSES.1 * 1_000;
                    }
                    let births = self.batch.births.len();
                    self.arrive(&dag, DueTick { tick, caught_up }, now).await?;
                    if self.batch.births.len() == births {
                        // It was decided otherwise.
                        self.unborn.0.remove(&(id, tick));
                    }
                }
                Err(reason) => self.let_go_of_tick(&id, tick, reason, now),
            }
        }
        Ok(())
    }

    /// A tick gets no run after all, and the record says why.
    fn let_go_of_tick(
        &mut self,
        id: &DagId,
        tick: DateTime<Utc>,
        reason: DropReason,
        now: DateTime<Utc>,
    ) {
        self.unborn.0.remove(&(id.clone(), tick));
        if let Some(known) = self.catalog.get_mut(id) {
            known.record.unborn.retain(|unborn| unborn.tick != tick);
        }
        self.batch.dags.insert(id.clone());
        let dropped = Dropped {
            first: tick,
            last: tick,
            count: 1,
            reason,
        };
        self.drop_ticks(id, dropped, now);
    }
}
