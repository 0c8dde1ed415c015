//! What the command line and the API ask of the engine: an inbox, written without the lease.
//!
//! An ask is kept until an engine answers it, or until it is no longer valid; its nominal time is fixed when it is asked.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::backfill::Only;
use crate::name::{BackfillId, DagHash, DagId, ProfileName, RunId, TaskTarget};
use crate::run::{Actor, Instant, Report, Verdict};
use crate::word::MessageId;

/// One ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// The profile of the asker: an engine refuses an ask for another one.
    pub profile: ProfileName,
    /// Who asks.
    pub by: Actor,
    /// When.
    pub at: Instant,
    /// Dropped, visibly, if nobody has answered by then.
    pub valid_until: Instant,
    /// For what.
    pub wish: Wish,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wish")]
pub enum Wish {
    /// A run.
    Trigger(TriggerWish),
    /// The end of a run.
    Cancel {
        /// Which.
        run: RunId,
        /// Why.
        reason: Option<String>,
    },
    /// A new round of a run.
    Retry {
        /// Which.
        run: RunId,
        /// Exactly these tasks; empty: the ones that failed and what follows.
        tasks: Vec<TaskTarget>,
        /// Everything after them, too.
        downstream: bool,
        /// Every task.
        all: bool,
        /// Why.
        reason: Option<String>,
        /// By which definition it goes on.
        #[serde(default, skip_serializing_if = "Take::is_pinned")]
        definition: Take,
    },
    /// Another state of a task.
    Mark {
        /// Of which run.
        run: RunId,
        /// Which task.
        task: TaskTarget,
        /// succeeded, failed or skipped.
        verdict: Verdict,
        /// Running work is let be.
        leave_running: bool,
        /// Why.
        reason: Option<String>,
    },
    /// No ticks of a DAG until it is resumed.
    Pause {
        /// Which.
        dag: DagId,
        /// Why.
        reason: Option<String>,
    },
    /// Ticks again.
    Resume {
        /// Which.
        dag: DagId,
        /// Runs for the ticks of the pause, too.
        catchup: bool,
    },
    /// Runs for past ticks.
    Backfill(BackfillWish),
    /// What becomes of a backfill.
    ActOnBackfill {
        /// Which.
        backfill: BackfillId,
        /// What.
        act: BackfillAct,
        /// Why.
        reason: Option<String>,
    },
    /// A message that was given up is sent again.
    Resend {
        /// Which.
        message: MessageId,
    },
    /// What an engine that stands by says of work on its own host; nobody asks for anything.
    Report(Report),
    /// Read the DAG files again.
    Reload,
}

/// By which definition of its DAG a run goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "take")]
pub enum Take {
    /// The one that it has.
    #[default]
    Pinned,
    /// The one that a new run would get.
    Latest {
        /// The version that the asker saw: another one is a conflict. None: whatever the engine has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<DagHash>,
    },
}

impl Take {
    /// Nothing changes.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        *self == Self::Pinned
    }
}

/// Runs for past ticks, asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillWish {
    /// Its id, given by the asker: asked twice, it is the same one.
    pub backfill: BackfillId,
    /// Of which DAG.
    pub dag: DagId,
    /// The version that the asker planned with: another one is a conflict. None: whatever the engine has.
    pub version: Option<DagHash>,
    /// The first instant.
    pub from: Instant,
    /// The last instant, included.
    pub to: Instant,
    /// Which ticks.
    pub only: Only,
    /// At most so many runs at once.
    pub max_parallel: u32,
    /// Why.
    pub reason: Option<String>,
}

/// What can be done to a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillAct {
    /// No more of its nights are begun.
    Pause,
    /// They are begun again.
    Resume,
    /// None is begun any more, and its runs are cancelled.
    Cancel,
}

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerWish {
    /// Of which DAG.
    pub dag: DagId,
    /// The version that the asker saw: another one is a conflict. None: whatever the engine has.
    pub version: Option<DagHash>,
    /// Given parameters, typed.
    pub params: Map<String, Value>,
    /// An ingestion id given by hand.
    pub ingestion_id: Option<String>,
    /// The nominal time, fixed when it was asked.
    pub logical_time: Instant,
    /// The same key gives the same run.
    pub idempotency_key: Option<String>,
    /// Where to call back when the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
}

/// What the engine says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// Done.
    Done {
        /// The run it is about.
        run: Option<RunId>,
        /// An earlier ask with the same idempotency key already had it.
        existing: bool,
        /// What was done besides, for people.
        notes: Vec<String>,
    },
    /// Not done.
    Refused {
        /// What kind of refusal: the exit code follows from it.
        kind: Refusal,
        /// One line for people.
        message: String,
    },
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The ask itself is wrong: exit code 2.
    Invalid,
    /// There is no such thing: exit code 3.
    NotFound,
    /// It goes against how things stand: exit code 4.
    Conflict,
    /// The engine cannot write its store: exit code 6.
    Unreachable,
    /// Nobody answered while it was valid.
    Expired,
}
