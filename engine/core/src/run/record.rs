//! The journal of a run: one record for each thing that changed, in order, appended in the commit that changes it.
//!
//! Guarantees: the first record of a transition has what began it, so the journal alone makes the state again.

use noctule_executor::{AttemptKey, ErrorClass};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actor::Actor;
use super::attempt::AttemptStop;
use super::event::Event;
use super::heard::Heard;
use super::repin::Repin;
use super::state::{Instant, RunEnding, StopWhy, TaskRunIx, Trigger, Verdict};
use crate::name::{BackfillId, DagHash};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When the engine saw it.
    pub at: Instant,
    /// The task run it is about.
    pub task: Option<TaskRunIx>,
    /// The number of the attempt it is about.
    pub attempt: Option<u32>,
    /// What it says.
    pub fact: Fact,
    /// What was heard: of the first record of a transition; the ones after it follow from the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Box<Heard>>,
}

impl Record {
    /// A record that follows from what an earlier one heard.
    #[must_use]
    pub fn new(at: Instant, task: Option<TaskRunIx>, attempt: Option<u32>, fact: Fact) -> Self {
        Self {
            at,
            task,
            attempt,
            fact,
            heard: None,
        }
    }

    /// The later definition that its event took.
    #[must_use]
    pub fn taken(&self) -> Option<&Repin> {
        match &self.heard.as_ref()?.event {
            Event::Retry { definition, .. } => definition.as_deref(),
            _ => None,
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fact {
    /// The run exists.
    RunCreated {
        /// Why.
        trigger: Trigger,
    },
    /// A round began.
    RunStarted {
        /// Which.
        round: u32,
    },
    /// The run is being stopped.
    RunStopping {
        /// Why.
        stop: StopWhy,
    },
    /// The round is over.
    RunEnded {
        /// How.
        ending: RunEnding,
    },
    /// Somebody opened a new round.
    RunRetried {
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
        /// How many tasks begin anew.
        tasks: usize,
        /// The backfill that it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backfill: Option<BackfillId>,
        /// The version that the run is pinned to from now on, where the round took a later one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        definition: Option<DagHash>,
    },
    /// The task begins anew.
    TaskReset,
    /// The task waits for a slot.
    TaskReady,
    /// The list of the task is known.
    TaskMapped {
        /// How many items it has.
        items: usize,
    },
    /// The task waits for its next try.
    TaskBackoff {
        /// Until then.
        until: Instant,
    },
    /// The task is over.
    TaskEnded {
        /// How.
        verdict: Verdict,
        /// Why, where the attempts do not say it.
        why: Option<String>,
    },
    /// Somebody marked the task.
    TaskMarked {
        /// As what.
        verdict: Verdict,
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// An attempt is intended: its request is stored, and may be sent from now on.
    Intended {
        /// Its key.
        key: AttemptKey,
    },
    /// A launch did not come through, and is tried again.
    LaunchTrouble {
        /// What came back.
        message: String,
        /// When the same request is sent again.
        again_at: Instant,
    },
    /// The outcome of a launch is unknown: the work is searched for.
    Searching {
        /// What came back.
        message: String,
        /// The next look.
        look_at: Instant,
    },
    /// The search found nothing through the quiet period: the same request is sent again under the same key.
    SentAgain,
    /// The store was set back: from now on every attempt is looked for before it is sent.
    Doubted,
    /// The work is known.
    Launched {
        /// It was found by a search.
        adopted: bool,
        /// How people know it.
        handle: Value,
    },
    /// The work has come further, and is found by this from now on.
    Advanced {
        /// How people know it.
        handle: Value,
    },
    /// The work began.
    Started,
    /// The work is being stopped.
    Stopping {
        /// Why.
        stop: AttemptStop,
    },
    /// The attempt is over.
    AttemptEnded {
        /// The word of its state.
        state: String,
        /// The class, of a failure.
        class: Option<ErrorClass>,
        /// One line for people.
        message: Option<String>,
    },
    /// What the attempt left behind is to be cleared away.
    Clearing,
    /// Nothing of it is left.
    Cleared,
    /// It could not be cleared away this time.
    ClearTrouble {
        /// What came back.
        message: String,
        /// When it is tried again.
        again_at: Instant,
    },
    /// A person has to act before the work can be watched again.
    Alarm {
        /// Why.
        message: String,
    },
    /// The work can be watched again.
    AlarmOver,
    /// An answer came for an attempt that is over, or was superseded: it changes nothing.
    LateAnswer {
        /// What it said.
        what: String,
    },
    /// Something changed that is no news to people: kept for what was heard.
    Noted,
}
