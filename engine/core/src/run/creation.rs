//! The birth of a run: everything that is fixed then, from values that are given.

use serde_json::{Map, Value};

use super::record::{Fact, Record};
use super::state::{Instant, Phase, Previous, Run, RunFacts, TaskRun, Trigger};
use super::transition::Step;
use crate::dag::Dag;
use crate::name::{ProfileName, RunId};
use crate::ticks::IngestionId;

/// What is given when a run is created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The profile of the engine.
    pub profile: ProfileName,
    /// Why it exists.
    pub trigger: Trigger,
    /// Its BSDA.
    pub ingestion_id: IngestionId,
    /// Its nominal time.
    pub logical_time: Instant,
    /// Its parameters, resolved.
    pub params: Map<String, Value>,
    /// The effective `vars`.
    pub vars: Map<String, Value>,
    /// Earlier runs that templates may look at.
    pub previous: Previous,
    /// Whom its end is told, besides the receivers of its DAG.
    pub callback: Option<String>,
}

/// Makes a run of a DAG, queued, and the step that writes it.
#[must_use]
pub fn create(dag: &Dag, new: NewRun, now: Instant) -> (Run, Step) {
    let facts = RunFacts {
        id: new.id,
        dag: dag.definition().id.clone(),
        version: dag.hash().clone(),
        profile: new.profile,
        trigger: new.trigger,
        ingestion_id: new.ingestion_id,
        logical_time: new.logical_time,
        params: new.params,
        vars: new.vars,
        created_at: now,
        previous: new.previous,
        callback: new.callback,
    };
    let run = newborn(dag, facts);
    let touched = (0..u32::try_from(run.tasks.len()).unwrap_or(u32::MAX))
        .map(super::state::TaskRunIx)
        .collect();
    let step = Step {
        run_changed: true,
        touched,
        records: vec![birth(&run.facts)],
    };
    (run, step)
}

/// A run as it is when it is created: what its journal begins with.
#[must_use]
pub fn newborn(dag: &Dag, facts: RunFacts) -> Run {
    let phase = Phase::Queued {
        since: facts.created_at,
    };
    Run {
        backfill: facts.trigger.backfill().cloned(),
        facts,
        round: 1,
        phase,
        line: Vec::new(),
        tasks: dag.outer().map(TaskRun::new).collect(),
    }
}

/// The first record of a run.
pub(crate) fn birth(facts: &RunFacts) -> Record {
    let trigger = facts.trigger.clone();
    Record::new(facts.created_at, None, None, Fact::RunCreated { trigger })
}
