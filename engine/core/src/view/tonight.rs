//! A night, as it is seen: what is late, what failed, what wants a person, what is under way, what comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{self, Word};
use super::{RunHead, TickView, instant};
use crate::explain::Gate;
use crate::run::Instant;
use crate::tonight::{Due, Night};

/// Elements of each list; the counts are of all.
const LISTED: usize = 200;
/// Coming ticks.
const COMING: usize = 20;

/// One night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TonightView {
    /// When it was looked at.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub at: Instant,
    /// Nothing is late, nothing stands failed, nothing waits for a person.
    pub well: bool,
    /// Who holds the store; none: no engine runs.
    pub engine: Option<String>,
    /// How long each list is in truth.
    pub counts: TonightCounts,
    /// DAGs whose tick has passed, and no engine has decided about it.
    pub late: Vec<LateView>,
    /// Runs that are not over and are to be by a time, the soonest first: those past their `must_end_by`, which are late
    /// too, and those that have it ahead within 24 hours.
    #[serde(default)]
    pub due: Vec<DueView>,
    /// Runs that failed, and none of their DAG has succeeded since; newest first.
    pub failed: Vec<RunHead>,
    /// What goes on only once a person acts.
    pub needs_person: Vec<NeedView>,
    /// Runs that are not over, oldest first.
    pub running: Vec<RunHead>,
    /// Coming ticks of the next 24 hours, soonest first.
    pub next: Vec<ComingView>,
    /// More runs than were read: of the past 24 hours the newest are counted.
    pub cut: bool,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TonightCounts {
    /// DAGs that are late.
    pub late: usize,
    /// Runs that are past their `must_end_by`.
    #[serde(default)]
    pub overdue: usize,
    /// Runs that have their `must_end_by` ahead.
    #[serde(default)]
    pub due: usize,
    /// Runs that stand failed.
    pub failed: usize,
    /// Things that want a person.
    pub needs_person: usize,
    /// Runs under way.
    pub running: usize,
}

/// A DAG that is late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LateView {
    /// The DAG.
    pub dag: String,
    /// The first tick that no engine has decided about.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub due: Instant,
}

/// A run that is not over, and by when it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DueView {
    /// The run.
    pub run: String,
    /// Its DAG.
    pub dag: String,
    /// Its BSDA.
    pub ingestion_id: String,
    /// How it stands, by the word of the contract.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::run_states")]
    pub state: Word,
    /// By when it is to end.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub by: Instant,
    /// For how many seconds that is past; none: it is ahead.
    pub past_seconds: Option<u64>,
}

impl DueView {
    fn of(due: &Due, now: Instant) -> Self {
        let past = due.past(now).map(|past| past.num_seconds().unsigned_abs());
        Self {
            run: due.run.id.clone(),
            dag: due.run.dag.clone(),
            ingestion_id: due.run.ingestion_id.clone(),
            state: due.run.state,
            by: due.by,
            past_seconds: past,
        }
    }
}

/// Something that goes on only once a person acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeedView {
    /// The DAG.
    pub dag: String,
    /// The run, where it is about one.
    pub run: Option<String>,
    /// Its BSDA.
    pub ingestion_id: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// By a word: `alarm`, `unknown`, `left_standing`, `broken`, `trigger`, `refused_tick`.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::needs")]
    pub why: Word,
    /// What it is, for people.
    pub text: String,
    /// Since when.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub since: Option<Instant>,
}

/// A coming tick of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComingView {
    /// The DAG.
    pub dag: String,
    /// The tick.
    #[serde(flatten)]
    pub tick: TickView,
}

/// What is under way now, and what it waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkView {
    /// When it was looked at.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub at: Instant,
    /// Who holds the store; none: no engine runs.
    pub engine: Option<String>,
    /// Runs under way.
    pub runs: usize,
    /// Slots of the engine; none for whoever is limited to some DAGs.
    pub slots: Option<RoomView>,
    /// Pools; none for whoever is limited to some DAGs.
    pub pools: Vec<RoomView>,
    /// A line for each task that is under way or may begin, oldest run first.
    pub items: Vec<WorkItem>,
    /// There was more than is listed.
    pub cut: bool,
}

/// A room that attempts share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomView {
    /// Its name.
    pub name: String,
    /// How much of it is held.
    pub held: u64,
    /// Its size; none: only the slots of the engine bound it.
    pub size: Option<u64>,
}

/// One task that is under way, or waits for something besides other tasks; without a task it is the run that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkItem {
    /// The run.
    pub run: String,
    /// Its DAG.
    pub dag: String,
    /// Its BSDA.
    pub ingestion_id: String,
    /// The task.
    pub task: Option<String>,
    /// The number of the attempt that is under way.
    pub attempt: Option<u32>,
    /// What it waits for, by a stable word.
    pub gate: Gate,
    /// Since when.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub since: Option<Instant>,
    /// The same in words: who holds what it waits for.
    pub text: String,
    /// What happens next, or what to do.
    pub next: Option<String>,
}

impl TonightView {
    /// A night, with who holds the store.
    #[must_use]
    pub fn of(night: &Night, engine: Option<String>) -> Self {
        let late = night.late.iter().map(|(dag, due)| LateView {
            dag: dag.clone(),
            due: *due,
        });
        let coming = night.coming(COMING);
        let next = coming.into_iter().map(|(dag, tick)| ComingView {
            dag: dag.to_owned(),
            tick: tick.clone(),
        });
        let overdue = night.overdue().count();
        let due = night.due.iter().map(|due| DueView::of(due, night.now));
        Self {
            at: night.now,
            well: night.is_well(),
            engine,
            counts: TonightCounts {
                late: night.late.len(),
                overdue,
                due: night.due.len() - overdue,
                failed: night.failed.len(),
                needs_person: night.needs.len(),
                running: night.live.len(),
            },
            late: late.take(LISTED).collect(),
            due: due.take(LISTED).collect(),
            failed: some(&night.failed),
            needs_person: some(&night.needs),
            running: some(&night.live),
            next: next.collect(),
            cut: night.cut,
        }
    }
}

fn some<T: Clone>(all: &[T]) -> Vec<T> {
    all.iter().take(LISTED).cloned().collect()
}
