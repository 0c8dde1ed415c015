//! Files that are read again, and rounds that take the latest definition. What is live keeps the one that it is pinned to.

use std::rc::Rc;

use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, RunId};
use noctule_core::run::{Event, Latest, RetryScope, plan_latest};

use super::Engine;
use super::asking::person;
use crate::asks::Answer;
use crate::bugs::Wrong;
use crate::outside::Outside;

impl Engine {
    /// Reads the files again: new runs get what stands there now.
    pub(crate) fn reload(&mut self, out: &mut Outside) {
        if self.lease.is_none() {
            return;
        }
        for dag in &out.dags {
            let Some(known) = self.work.dags.get_mut(&dag.definition().id) else {
                continue;
            };
            if known.dag.hash() == dag.hash() {
                continue;
            }
            known.dag = Rc::clone(dag);
            if out.is(Wrong::ReloadReachesLiveRuns) {
                // With the same tasks, in the same places.
                let fits = |live: &&mut super::Live| {
                    let names = |dag: &Dag| {
                        let tasks = dag.definition().tasks.iter();
                        tasks.map(|task| task.name.clone()).collect::<Vec<_>>()
                    };
                    live.run.facts.dag == dag.definition().id && names(&live.dag) == names(dag)
                };
                for live in self.work.live.values_mut().filter(fits) {
                    live.dag = Rc::clone(dag);
                }
            }
        }
        self.turn(out);
    }

    pub(super) fn retry_latest(
        &mut self,
        out: &mut Outside,
        run: RunId,
        all: bool,
        seen: Option<&DagHash>,
    ) -> Answer {
        if !self.revive(out, &run) {
            return Answer::Refused;
        }
        if self.open_with_latest(out, &run, all, seen).is_some() {
            return Answer::Done { run: Some(run) };
        }
        self.give_back(&run);
        Answer::Refused
    }

    fn open_with_latest(
        &mut self,
        out: &mut Outside,
        run: &RunId,
        all: bool,
        seen: Option<&DagHash>,
    ) -> Option<()> {
        let live = self.work.live.get(run)?;
        let later = Rc::clone(&self.work.dags.get(&live.run.facts.dag)?.dag);
        let other = seen.is_some_and(|seen| seen != later.hash());
        if other && !out.is(Wrong::SeenIsNotCompared) {
            out.struck.count("another definition than was seen");
            return None;
        }
        let scope = RetryScope {
            all,
            ..RetryScope::default()
        };
        let planned = plan_latest(&live.dag, &later, &live.run, &scope);
        let Latest {
            repin,
            tasks,
            difference,
            ..
        } = match planned {
            Ok(latest) => latest,
            Err(refusal) => {
                if let noctule_core::run::RetryRefusal::Definition(unfit) = refusal {
                    out.struck.count(unfit.code);
                }
                return None;
            }
        };
        if repin.is_some() {
            out.struck.count("definition taken");
            out.referee.told_of(run, &difference);
            if let Some(live) = self.work.live.get_mut(run) {
                live.dag = later;
            }
        }
        let definition = repin.map(Box::new);
        let (by, reason) = (person(), None);
        let retry = Event::Retry {
            tasks,
            by,
            reason,
            backfill: None,
            definition,
        };
        self.happen(out, run, retry);
        Some(())
    }
}
