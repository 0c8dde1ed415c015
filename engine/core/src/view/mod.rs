//! A run as people and programs see it: the JSON object of the contract, made from the state and nothing else.
//!
//! Guarantees: the same run gives the same object, whoever prints it; instants are UTC with milliseconds; secrets cannot be
//! in it, because requests are not.

mod attempt;
mod backfill;
mod dag;
mod delivery;
mod event;
mod instant;
mod many;
mod mapped;
mod reason;
mod taken;
mod task;
mod task_run_id;
mod tick;
mod told;
mod tonight;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dag::Dag;
use crate::run::{Instant, Phase, Run, RunFacts, Stop, StopWhy, TaskRun, Trigger};

pub use self::attempt::{AttemptError, AttemptView};
pub use self::backfill::{BackfillView, LeftView, NightView, NightsView, ProgressView};
pub use self::dag::{DagStanding, DagView, PausedView, TroubleView};
pub use self::delivery::DeliveryView;
pub use self::event::EventView;
pub use self::many::{ManyOutcome, ManyRun, ManyView};
pub use self::mapped::MappedView;
pub use self::reason::ReasonView;
pub use self::taken::TakenView;
pub use self::task::TaskView;
pub use self::task_run_id::{NoTaskRunId, TaskRunId};
pub use self::tick::TickView;
pub use self::told::fact_in_words;
pub use self::tonight::{
    ComingView, DueView, LateView, NeedView, RoomView, TonightCounts, TonightView, WorkItem,
    WorkView,
};
pub use self::words::{RUN_STATES, Word};

/// A run without its tasks: one of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunHead {
    /// The run.
    pub id: String,
    /// Its DAG.
    pub dag: String,
    /// How it stands, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::run_states")]
    pub state: Word,
    /// Why it exists, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::triggers")]
    pub trigger: Word,
    /// Its BSDA.
    pub ingestion_id: String,
    /// Its nominal time.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub logical_time: Instant,
    /// When it was created.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub created_at: Instant,
    /// When this round began.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub started_at: Option<Instant>,
    /// When this round ended.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub ended_at: Option<Instant>,
    /// The profile it belongs to.
    pub profile: String,
    /// The version of the DAG that it is pinned to.
    pub version: String,
    /// 1, and one more for each retry of the run.
    pub round: u32,
    /// Who asked for it, where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// When it must have ended.
    #[serde(
        default,
        serialize_with = "instant::write_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "instant::optional_schema")]
    pub deadline: Option<Instant>,
    /// It is being stopped: `cancel` or `deadline`.
    #[serde(
        default,
        deserialize_with = "words::read_optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "words::stops")]
    pub stopping: Option<Word>,
}

/// A run with its tasks and attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// All but the tasks.
    #[serde(flatten)]
    pub head: RunHead,
    /// The tasks, in the order of the definition; the items of mapped ones after them.
    pub tasks: Vec<TaskView>,
    /// Mapped tasks and groups as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapped: Vec<MappedView>,
}

impl RunHead {
    /// The head of a run.
    #[must_use]
    pub fn of(facts: &RunFacts, round: u32, phase: &Phase) -> Self {
        let (started_at, ended_at) = times(phase);
        let by = match &facts.trigger {
            Trigger::Manual { by } | Trigger::Backfill { by, .. } => Some(by.name.clone()),
            Trigger::Event { source, key } => Some(format!("{source}: {key}")),
            Trigger::Schedule { .. } | Trigger::CatchUp { .. } => None,
        };
        let (deadline, stop) = match phase {
            Phase::Running { deadline, stop, .. } => (*deadline, stop.as_ref()),
            Phase::Queued { .. } | Phase::Ended { .. } => (None, None),
        };
        Self {
            id: facts.id.to_string(),
            dag: facts.dag.to_string(),
            state: phase.word(),
            trigger: facts.trigger.word(),
            ingestion_id: facts.ingestion_id.as_str().to_owned(),
            logical_time: facts.logical_time,
            created_at: facts.created_at,
            started_at,
            ended_at,
            profile: facts.profile.to_string(),
            version: facts.version.to_string(),
            round,
            triggered_by: by,
            params: facts.params.clone(),
            deadline,
            stopping: stop.map(stopping),
        }
    }
}

impl RunView {
    /// The whole run.
    #[must_use]
    pub fn of(dag: &Dag, run: &Run) -> Self {
        let shown = |task: &&TaskRun| {
            // A mapped task appears once for each item of its list.
            let has_items = task.expansion.as_ref().is_some_and(|e| !e.items.is_empty());
            !has_items && task.item.is_none_or(|of| of.index.is_some())
        };
        let mut tasks: Vec<&TaskRun> = run.tasks.iter().filter(shown).collect();
        // After another definition was taken: its order, and what it has no longer at the end.
        tasks.sort_by_key(|task| {
            let outer = task.item.is_none().then_some(task.task);
            (task.gone.is_some(), outer.is_none(), outer)
        });
        let mapped = run.tasks.iter();
        Self {
            head: RunHead::of(&run.facts, run.round, &run.phase),
            tasks: tasks
                .into_iter()
                .map(|task| TaskView::of(dag, run, task))
                .collect(),
            mapped: mapped
                .filter_map(|head| MappedView::of(dag, run, head))
                .collect(),
        }
    }

    /// One task of the run.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskView> {
        self.tasks.iter().find(|task| task.task == name)
    }
}

fn times(phase: &Phase) -> (Option<Instant>, Option<Instant>) {
    match phase {
        Phase::Queued { .. } => (None, None),
        Phase::Running { started_at, .. } => (Some(*started_at), None),
        Phase::Ended { started_at, at, .. } => (*started_at, Some(*at)),
    }
}

fn stopping(stop: &Stop) -> &'static str {
    match stop.why {
        StopWhy::Cancelled { .. } => "cancel",
        StopWhy::Deadline => "deadline",
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
