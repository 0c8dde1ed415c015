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
}

/// Makes a run of a DAG, queued, and the step that writes it.
#[must_use]
pub fn create(dag: &Dag, new: NewRun, now: Instant) -> (Run, Step) {
    let records = vec![Record {
        at: now,
        task: None,
        attempt: None,
        fact: Fact::RunCreated {
            trigger: new.trigger.clone(),
        },
    }];
    let tasks: Vec<TaskRun> = dag.outer().map(TaskRun::new).collect();
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
    };
    let touched = (0..u32::try_from(tasks.len()).unwrap_or(u32::MAX))
        .map(super::state::TaskRunIx)
        .collect();
    let run = Run {
        facts,
        round: 1,
        phase: Phase::Queued { since: now },
        tasks,
    };
    (
        run,
        Step {
            run_changed: true,
            touched,
            records,
        },
    )
}
