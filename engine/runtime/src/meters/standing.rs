//! How an engine stands at an instant: gauges, set when somebody asks for them, so that they cost nothing otherwise.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use noctule_core::run::TaskRun;

use super::Meters;
use super::labels::{
    MessageState, OfListener, OfPool, RefusedWrite, RunState, SpanFate, TaskRunState,
};
use crate::engine::{Engine, Live};

impl Engine {
    /// Sets the gauges; who asked has waited so long.
    pub(crate) fn measure(&self, waited: Duration) {
        let meters = self.shown.meters();
        meters.lag.set(waited.as_secs_f64());
        meters.runs.clear();
        meters.task_runs.clear();
        meters.pool_slots.clear();
        meters.pool_slots_held.clear();
        for state in ["queued", "running"] {
            meters.runs.get_or_create(&RunState { state }).set(0);
        }
        for live in self.live.values() {
            let state = live.run.phase.word();
            meters.runs.get_or_create(&RunState { state }).inc();
        }
        for ((executor, state), count) in task_runs(self.live.values()) {
            let executor = executor.to_owned();
            let gauge = TaskRunState { executor, state };
            meters.task_runs.get_or_create(&gauge).set(count);
        }
        meters.slots.set(whole(self.options.slots));
        meters.slots_held.set(whole(self.board.holding().len()));
        meters.waiting.set(whole(self.board.waiting()));
        for (pool, size) in self.surroundings.pools.iter() {
            let of = OfPool { pool: pool.clone() };
            let held: u32 = self.board.holding_of(pool).iter().map(|(_, n)| n).sum();
            meters.pool_slots.get_or_create(&of).set(i64::from(*size));
            meters
                .pool_slots_held
                .get_or_create(&of)
                .set(i64::from(held));
        }
        meters.dags.set(whole(self.catalog.count()));
        let next = self.ticks.first().map_or(0, |(at, _)| at.timestamp());
        meters.next_tick.set(next as f64);
        meters.unwritten.clear();
        let ticks = (0..self.unborn.count()).map(|_| "tick");
        for kind in self.unwritten.kinds().chain(ticks) {
            meters.unwritten.get_or_create(&RefusedWrite { kind }).inc();
        }
        self.measure_outbox(meters);
        self.measure_listeners(meters);
        self.measure_spans(meters);
    }

    fn measure_outbox(&self, meters: &Meters) {
        let backlog = self.telling.outbox.backlog();
        for (state, count) in [
            ("gathering", backlog.gathering),
            ("waiting", backlog.waiting),
            ("sending", backlog.sending),
        ] {
            let gauge = meters.messages.get_or_create(&MessageState { state });
            gauge.set(whole(count));
        }
        let age = backlog.oldest.map(|at| self.options.clock.now() - at);
        let age = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
        meters.oldest_message.set(age.as_secs_f64());
    }

    fn measure_listeners(&self, meters: &Meters) {
        meters.listeners.clear();
        let sources = self.surroundings.desk.registry.sources();
        for listener in sources.flat_map(|source| source.listeners()) {
            let of = OfListener {
                connection: listener.connection,
                mode: if listener.hears {
                    "listening"
                } else {
                    "polling"
                },
            };
            let gauge = meters.listeners.get_or_create(&of);
            gauge.set(whole(listener.channels));
        }
    }

    fn measure_spans(&self, meters: &Meters) {
        let Some(sink) = &self.surroundings.spans else {
            return;
        };
        let counts = sink.counts();
        for (outcome, count) in [
            ("exported", counts.exported),
            ("refused", counts.refused),
            ("lost", counts.lost),
        ] {
            let counter = meters.spans.get_or_create(&SpanFate { outcome });
            counter.inner().store(count, Ordering::Relaxed);
        }
        let waiting = i64::try_from(counts.waiting).unwrap_or(i64::MAX);
        meters.spans_waiting.set(waiting);
    }
}

fn task_runs<'a>(live: impl Iterator<Item = &'a Live>) -> HashMap<(&'a str, &'static str), i64> {
    let mut counted = HashMap::new();
    for live in live {
        for task in &live.run.tasks {
            let executor = task.definition(&live.dag).executor.as_str();
            *counted.entry((executor, word(task))).or_default() += 1;
        }
    }
    counted
}

/// Of what is under way, how far it is.
fn word(task: &TaskRun) -> &'static str {
    match task.live() {
        Some(attempt) => attempt.state.word(),
        None => task.state.word(),
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
