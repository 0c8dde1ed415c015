//! What is never exceeded, and never there twice, over all runs.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::run::{Attempt, AttemptState, Nature, Phase};
use noctule_executor::Wait;

use super::Referee;
use crate::dags::POOL;
use crate::store::Store;

fn takes_a_slot(attempt: &Attempt) -> bool {
    let launching = matches!(attempt.state, AttemptState::Launching(_));
    let attached = attempt.prepared.nature == Nature::Attached;
    attempt.prepared.wait == Wait::Block || (launching && !attached)
}

impl Referee {
    /// After every commit.
    pub(crate) fn limits(&mut self, store: &Store, slots: usize) {
        let (mut held, mut pooled) = (0, 0);
        let mut running: BTreeMap<&str, usize> = BTreeMap::new();
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for stored in store.runs.values().filter(|stored| !stored.run.is_over()) {
            let (dag, run) = (&stored.dag, &stored.run);
            let id = run.facts.dag.as_str();
            most.insert(id, dag.definition().max_active_runs as usize);
            if matches!(run.phase, Phase::Running { .. }) {
                *running.entry(id).or_default() += 1;
            }
            for task in &run.tasks {
                let Some(attempt) = task.live() else {
                    continue;
                };
                held += usize::from(takes_a_slot(attempt));
                let pool = &task.definition(dag).pool;
                if &*pool.name == POOL.0 {
                    pooled += pool.slots;
                }
            }
        }
        if held > slots {
            self.say(format!("{held} of {slots} slots are held"));
        }
        if pooled > POOL.1 {
            self.say(format!("{pooled} of {} slots of the pool are held", POOL.1));
        }
        for (dag, count) in running {
            if count > most[dag] {
                self.say(format!("{count} runs of {dag} are under way"));
            }
        }
    }

    /// A tick has one run.
    pub(crate) fn one_run_for_each_tick(&mut self, store: &Store) {
        let mut seen = BTreeSet::new();
        for stored in store.runs.values() {
            let facts = &stored.run.facts;
            if let Some(tick) = facts.trigger.tick()
                && !seen.insert((facts.dag.clone(), tick))
            {
                self.say(format!("two runs of {} for {tick}", facts.dag));
            }
        }
    }
}
