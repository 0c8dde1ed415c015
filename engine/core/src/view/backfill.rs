//! A backfill, as it is seen: before it is asked for, and on its way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Word, instant, words};
use crate::backfill::{Around, Backfill, Hold, Left, Night, NightState, Only, Phase, hold};
use crate::run::Instant;

/// A backfill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillView {
    /// Its id.
    pub id: String,
    /// The DAG.
    pub dag: String,
    /// How it stands.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::backfill_states")]
    pub state: Word,
    /// The first instant of its range.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub from: Instant,
    /// The last instant of its range, included.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub to: Instant,
    /// Which ticks.
    pub only: Only,
    /// At most so many of its runs are under way.
    pub max_parallel: u32,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked for.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub created_at: Instant,
    /// How many of its nights stand how.
    pub progress: ProgressView,
    /// Why its next night is not begun now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// How many nights stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgressView {
    /// All.
    pub nights: u32,
    /// Not begun.
    pub waiting: u32,
    /// Under way.
    pub running: u32,
    /// Their runs succeeded.
    pub succeeded: u32,
    /// Their runs failed, timed out or were cancelled.
    pub failed: u32,
    /// Left as they were.
    pub left_alone: u32,
}

/// A backfill with its nights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NightsView {
    /// All but the nights.
    #[serde(flatten)]
    pub head: BackfillView,
    /// Its nights, oldest first.
    pub nights: Vec<NightView>,
    /// The ticks of the range that nothing is to be done for: of a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftView>,
    /// Nothing was touched.
    #[serde(default)]
    pub dry_run: bool,
}

/// One tick of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NightView {
    /// The tick.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub tick: Instant,
    /// Its ingestion id.
    pub ingestion_id: String,
    /// What is to be done for it.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::errands")]
    pub errand: Word,
    /// How it stands.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::night_states")]
    pub state: Word,
    /// Its run, where it has one.
    pub run: Option<String>,
    /// Why it was left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A tick that nothing is to be done for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftView {
    /// The tick.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub tick: Instant,
    /// Its run, where it has one.
    pub run: Option<String>,
    /// Why.
    pub why: String,
}

impl BackfillView {
    /// A backfill, and what keeps it.
    #[must_use]
    pub fn of(head: &Backfill, around: Around, say: &dyn Fn(Instant) -> String) -> Self {
        let tally = &head.tally;
        let waits = hold(head, around).filter(|held| *held != Hold::Nothing);
        Self {
            id: head.id.to_string(),
            dag: head.dag.to_string(),
            state: head.phase.word(),
            from: head.from,
            to: head.to,
            only: head.only,
            max_parallel: head.max_parallel,
            by: head.by.name.clone(),
            reason: head.reason.clone(),
            created_at: head.created_at,
            progress: ProgressView {
                nights: tally.all(),
                waiting: tally.waiting,
                running: tally.running,
                succeeded: tally.succeeded,
                failed: tally.failed,
                left_alone: tally.left_alone,
            },
            waits: waits.map(|held| held.words(say)),
        }
    }
}

impl NightView {
    /// A night of a backfill that stands like this.
    #[must_use]
    pub fn of(night: &Night, phase: &Phase) -> Self {
        let state = match (&night.state, phase) {
            // It waits for nothing any more.
            (NightState::Waiting, Phase::Cancelled { .. }) => "cancelled",
            (state, _) => state.word(),
        };
        let run = night.state.run().or_else(|| night.errand.run());
        let why = match &night.state {
            NightState::LeftAlone { why, .. } => Some(why.clone()),
            _ => None,
        };
        Self {
            tick: night.tick,
            ingestion_id: night.ingestion_id.to_string(),
            errand: night.errand.word(),
            state,
            run: run.map(ToString::to_string),
            why,
        }
    }
}

impl From<&Left> for LeftView {
    fn from(left: &Left) -> Self {
        Self {
            tick: left.tick,
            run: left.run.as_ref().map(ToString::to_string),
            why: left.why.clone(),
        }
    }
}
