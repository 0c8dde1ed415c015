//! What an act does to each of many runs, as it is seen: before, and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Word, instant, words};
use crate::run::{Instant, Phase, RunFacts};

/// Many runs, and what becomes of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManyView {
    /// The runs, by their nominal times.
    pub runs: Vec<ManyRun>,
    /// Nothing was touched.
    #[serde(default)]
    pub dry_run: bool,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ManyRun {
    /// The run.
    pub run: String,
    /// Its BSDA.
    pub ingestion_id: String,
    /// Its nominal time.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub logical_time: Instant,
    /// How it stood before.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::run_states")]
    pub state: Word,
    /// What became of it.
    pub outcome: ManyOutcome,
    /// The tasks that are touched.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Why it was left alone, or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of one of many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManyOutcome {
    /// It would be done.
    Planned,
    /// It is done.
    Done,
    /// There is nothing to do for it.
    LeftAlone,
    /// It was to be done, and was refused.
    Refused,
}

impl ManyRun {
    /// What would be done to a run: its tasks, or why it is left alone.
    #[must_use]
    pub fn planned(facts: &RunFacts, phase: &Phase, touched: Result<Vec<String>, String>) -> Self {
        let (outcome, tasks, why) = match touched {
            Ok(tasks) => (ManyOutcome::Planned, tasks, None),
            Err(why) => (ManyOutcome::LeftAlone, Vec::new(), Some(why)),
        };
        Self {
            run: facts.id.to_string(),
            ingestion_id: facts.ingestion_id.as_str().to_owned(),
            logical_time: facts.logical_time,
            state: phase.word(),
            outcome,
            tasks,
            why,
        }
    }

    /// The same once it was asked for.
    #[must_use]
    pub fn asked(mut self, refused: Option<String>) -> Self {
        self.outcome = match refused {
            None => ManyOutcome::Done,
            Some(_) => ManyOutcome::Refused,
        };
        self.why = refused;
        self
    }
}

impl ManyView {
    /// How many stand like this.
    #[must_use]
    pub fn count(&self, outcome: ManyOutcome) -> usize {
        let its = |run: &&ManyRun| run.outcome == outcome;
        self.runs.iter().filter(its).count()
    }
}
