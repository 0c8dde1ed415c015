//! How a run stands: enums that carry their data, and nothing that can be computed from the rest.
//!
//! This is what the store keeps. Only `transition.rs` changes it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::actor::Actor;
use super::attempt::{Attempt, AttemptEnd, AttemptState, Ended, is_false};
use super::expansion::{Expansion, ItemOf};
use super::obligation::Obligation;
use crate::dag::{Dag, TaskDefinition, TaskIx};
use crate::name::{BackfillId, DagHash, DagId, ProfileName, RunId};
use crate::ticks::IngestionId;

/// An instant.
pub type Instant = DateTime<Utc>;

/// One execution of one pinned version of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What is fixed when it is created; but for the version, which a retry may take anew.
    pub facts: RunFacts,
    /// 1, and one more for each retry of the run.
    pub round: u32,
    /// How it stands.
    pub phase: Phase,
    /// The backfill that this round is for: it yields to every other run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<BackfillId>,
    /// Where the task run of each outer node stands, once a retry took another definition; empty: at the node's own index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line: Vec<TaskRunIx>,
    /// Its task runs: those of its first definition in its order, then all others as they came. None ever leaves its
    /// place, since the journal names it by that. Kept apart by the store.
    #[serde(skip)]
    pub tasks: Vec<TaskRun>,
}

/// What is fixed when a run is created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The id.
    pub id: RunId,
    /// The DAG.
    pub dag: DagId,
    /// The version it is pinned to.
    pub version: DagHash,
    /// The profile it belongs to.
    pub profile: ProfileName,
    /// Why it exists.
    pub trigger: Trigger,
    /// Its BSDA.
    pub ingestion_id: IngestionId,
    /// Its nominal time.
    pub logical_time: Instant,
    /// The parameters, resolved.
    pub params: Map<String, Value>,
    /// The effective `vars` of the project when it was created.
    pub vars: Map<String, Value>,
    /// When it was created.
    pub created_at: Instant,
    /// Earlier runs that templates may look at.
    pub previous: Previous,
    /// Where whoever asked for it is called back when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
}

/// The logical times of the runs before this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Of the run before.
    pub any: Option<Instant>,
    /// Of the last run that succeeded.
    pub success: Option<Instant>,
}

/// Why a run exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trigger {
    /// The schedule fired.
    Schedule {
        /// The tick.
        tick: Instant,
    },
    /// A tick that was missed while no engine ran.
    CatchUp {
        /// The tick.
        tick: Instant,
    },
    /// A past tick, asked for.
    Backfill {
        /// The tick.
        tick: Instant,
        /// Who asked.
        by: Actor,
        /// For which backfill it was made.
        backfill: BackfillId,
    },
    /// An event source saw an occasion.
    Event {
        /// The kind of the source.
        source: String,
        /// The occasion: a DAG gets one run for each, ever.
        key: String,
    },
    /// Somebody asked.
    Manual {
        /// Who asked.
        by: Actor,
    },
}

impl Trigger {
    /// The tick, of a run that is for one: unique for each DAG.
    #[must_use]
    pub fn tick(&self) -> Option<Instant> {
        match self {
            Self::Schedule { tick } | Self::CatchUp { tick } | Self::Backfill { tick, .. } => {
                Some(*tick)
            }
            Self::Event { .. } | Self::Manual { .. } => None,
        }
    }

    /// The backfill that it was made for.
    #[must_use]
    pub fn backfill(&self) -> Option<&BackfillId> {
        match self {
            Self::Backfill { backfill, .. } => Some(backfill),
            _ => None,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Schedule { .. } => "schedule",
            Self::CatchUp { .. } => "catch_up",
            Self::Backfill { .. } => "backfill",
            Self::Event { .. } => "event",
            Self::Manual { .. } => "manual",
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Phase {
    /// Waits for `max_active_runs`.
    Queued {
        /// Since when.
        since: Instant,
    },
    /// Under way.
    Running {
        /// When this round began.
        started_at: Instant,
        /// When it must have ended.
        deadline: Option<Instant>,
        /// It is being stopped.
        stop: Option<Stop>,
    },
    /// Over, until somebody retries it.
    Ended {
        /// How.
        ending: RunEnding,
        /// When the round began; none if it never did.
        started_at: Option<Instant>,
        /// When it ended.
        at: Instant,
    },
}

/// Why a run is being stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// A cancel, or the deadline.
    pub why: StopWhy,
    /// Since when.
    pub at: Instant,
}

/// A cancel, or the deadline of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StopWhy {
    /// Somebody cancelled it.
    Cancelled {
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Its deadline passed.
    Deadline,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnding {
    /// Every task that counts is good or skipped.
    Succeeded,
    /// A task without `may_fail` ended bad.
    Failed,
    /// We cancelled it.
    Cancelled,
    /// Its deadline passed.
    TimedOut,
}

/// The place of a task run in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskRunIx(pub u32);

impl TaskRunIx {
    /// As an index of slices.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A task inside a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    /// The task; [`TaskIx::NONE`] of one that is gone.
    pub task: TaskIx,
    /// What it was, if the definition of the run has it no longer: it keeps its attempts, and is never judged or begun
    /// until a later definition has a task of its name again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Box<TaskDefinition>>,
    /// The item, of a mapped task or of a task in a group.
    pub map_key: Option<String>,
    /// Whose item it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemOf>,
    /// Its items, of a mapped task or a group whose list is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Expansion>,
    /// How it stands.
    pub state: TaskState,
    /// How many of its attempts belong to earlier rounds.
    pub earlier: u32,
    /// When `total_timeout` ends; set with the first attempt of a round.
    pub give_up_at: Option<Instant>,
    /// Its tries, oldest first. The last one is live exactly while the state is `Active`.
    pub attempts: Vec<Attempt>,
    /// What its tries have left behind, and is to be cleared away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// The store was set back while the run was live: an attempt is looked for before it is sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub doubted: bool,
}

impl TaskRun {
    /// A task run that has not begun.
    #[must_use]
    pub fn new(task: TaskIx) -> Self {
        Self {
            task,
            gone: None,
            map_key: None,
            item: None,
            expansion: None,
            state: TaskState::Waiting,
            earlier: 0,
            give_up_at: None,
            attempts: Vec::new(),
            obligations: Vec::new(),
            doubted: false,
        }
    }

    /// What it does: by the definition of the run, or by the one that had it last.
    #[must_use]
    pub fn definition<'a>(&'a self, dag: &'a Dag) -> &'a TaskDefinition {
        match &self.gone {
            Some(gone) => gone,
            None => dag.task(self.task),
        }
    }

    /// The try that is under way.
    #[must_use]
    pub fn live(&self) -> Option<&Attempt> {
        matches!(self.state, TaskState::Active)
            .then(|| self.attempts.last())
            .flatten()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<&TaskEnd> {
        match &self.state {
            TaskState::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// What dependants see as its output: of a success only.
    #[must_use]
    pub fn output(&self) -> Option<&Value> {
        if self.end()?.verdict != Verdict::Succeeded {
            return None;
        }
        match &self.attempts.last()?.state {
            AttemptState::Ended(Ended {
                end: AttemptEnd::Succeeded { output },
                ..
            }) => Some(output),
            _ => None,
        }
    }
}

/// How a task run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskState {
    /// For the tasks it depends on.
    Waiting,
    /// For a slot.
    Ready {
        /// Since when.
        since: Instant,
    },
    /// Its list is known, and its items are on their way.
    Mapped {
        /// Since when.
        since: Instant,
    },
    /// Its last attempt is live.
    Active,
    /// For its next try.
    Backoff {
        /// Until then.
        until: Instant,
    },
    /// Over.
    Ended(TaskEnd),
}

/// The end of a task run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// How.
    pub verdict: Verdict,
    /// When.
    pub at: Instant,
    /// Why, where the attempts do not say it: a gate, an expression, a cancel.
    pub why: Option<String>,
    /// Who marked it.
    pub marked_by: Option<Actor>,
}

/// How a task run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Good.
    Succeeded,
    /// Bad.
    Failed,
    /// Neither.
    Skipped,
    /// Bad: it could not start.
    UpstreamFailed,
    /// Bad: stopped.
    Cancelled,
    /// Bad: a deadline passed.
    TimedOut,
}

impl Verdict {
    /// failed, timed_out, upstream_failed and cancelled are bad.
    #[must_use]
    pub fn is_bad(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Skipped)
    }
}
