//! New rounds of runs that are over, by the definition that a run has, or by the latest one.
//!
//! Guarantees: a run goes over to another definition in the commit that opens its round; what was shown to whoever asked is
//! what is taken, or nothing is.

use std::sync::Arc;

use noctule_core::ask::{Answer, Refusal, Take};
use noctule_core::dag::Dag;
use noctule_core::name::{DagHash, DagId, RunId};
use noctule_core::run::{
    Actor, Event, Latest, Repin, RetryRefusal, RetryScope, TaskRunIx, plan_latest, plan_retry,
};

use crate::asking::{done, no_run, no_task, refused};
use crate::engine::Engine;
use crate::error::RuntimeError;

/// A round that somebody asks for.
pub(crate) struct Round {
    pub(crate) scope: RetryScope,
    pub(crate) definition: Take,
    pub(crate) by: Actor,
    pub(crate) reason: Option<String>,
}

impl Engine {
    pub(crate) async fn retry(
        &mut self,
        run: &RunId,
        round: Round,
    ) -> Result<Answer, RuntimeError> {
        if !self.revive(run).await? {
            return Ok(no_run(run));
        }
        let opened = match &round.definition {
            Take::Pinned => self.open_round(run, &round),
            Take::Latest { version } => self.open_with_latest(run, &round, version.as_ref()),
        };
        Ok(match opened {
            Ok(()) => done(Some(run.clone())),
            Err(answer) => {
                self.give_back(run);
                answer
            }
        })
    }

    fn open_round(&mut self, run: &RunId, round: &Round) -> Result<(), Answer> {
        let live = self.live.get(run).ok_or_else(|| no_run(run))?;
        let tasks = plan_retry(&live.dag, &live.run, &round.scope);
        let tasks = tasks.map_err(|refusal| in_words(run, refusal))?;
        self.happen(run, round.event(tasks, None));
        Ok(())
    }

    fn open_with_latest(
        &mut self,
        run: &RunId,
        round: &Round,
        seen: Option<&DagHash>,
    ) -> Result<(), Answer> {
        let live = self.live.get(run).ok_or_else(|| no_run(run))?;
        let later = self.latest(&live.run.facts.dag, seen)?;
        let latest = plan_latest(&live.dag, &later, &live.run, &round.scope);
        let Latest { repin, tasks, .. } = latest.map_err(|refusal| in_words(run, refusal))?;
        if repin.is_some() {
            self.pin(&later);
            if let Some(live) = self.live.get_mut(run) {
                live.dag = later;
            }
        }
        self.happen(run, round.event(tasks, repin.map(Box::new)));
        Ok(())
    }
}

impl Engine {
    /// The definition that new runs of a DAG get, if it is the one that was seen.
    fn latest(&self, dag: &DagId, seen: Option<&DagHash>) -> Result<Arc<Dag>, Answer> {
        let none = || {
            let message = format!("`{dag}` has no definition that runs could take today");
            refused(Refusal::Conflict, message)
        };
        let later = &self.catalog.get(dag).ok_or_else(none)?.dag;
        match seen.filter(|seen| *seen != later.hash()) {
            None => Ok(Arc::clone(later)),
            Some(seen) => {
                let (ours, theirs) = (later.hash().short(), seen.short());
                let message = format!(
                    "the engine has version {ours} of `{dag}`, you have {theirs}: reload it first"
                );
                Err(refused(Refusal::Conflict, message))
            }
        }
    }
}

impl Round {
    fn event(&self, tasks: Vec<TaskRunIx>, definition: Option<Box<Repin>>) -> Event {
        Event::Retry {
            tasks,
            by: self.by.clone(),
            reason: self.reason.clone(),
            backfill: None,
            definition,
        }
    }
}

fn in_words(run: &RunId, refusal: RetryRefusal) -> Answer {
    match refusal {
        RetryRefusal::NoTask(task) => no_task(run, &task),
        refusal => refused(Refusal::Conflict, refusal.to_string()),
    }
}
