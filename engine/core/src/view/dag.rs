//! A DAG, as it is seen: its definition in short, and how it stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant;
use super::words::{self, Word};
use crate::dag::Dag;
use crate::run::Instant;

/// One DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DagView {
    /// Its id.
    pub dag: String,
    /// How it stands, by a word.
    #[serde(deserialize_with = "words::read")]
    #[schemars(schema_with = "words::dag_states")]
    pub state: Word,
    /// Its file, relative to the project.
    pub file: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How many tasks it has.
    pub tasks: usize,
    /// The version that new runs take.
    pub version: Option<String>,
    /// Its cron expressions.
    pub schedule: Option<Vec<String>>,
    /// The zone of its schedule.
    pub timezone: Option<String>,
    /// Its next tick.
    #[serde(serialize_with = "instant::write_optional")]
    #[schemars(schema_with = "instant::optional_schema")]
    pub next: Option<Instant>,
    /// Why its file cannot be used now: the last good version stays.
    pub error: Option<String>,
    /// Why it is paused.
    pub paused: Option<PausedView>,
    /// What makes its runs besides the schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What keeps that from making runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
    /// Ticks whose runs the store refuses: they are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_ticks: Option<TroubleView>,
}

/// Why a DAG is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PausedView {
    /// Who paused it.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Since when.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub since: Instant,
}

/// What keeps a trigger from making runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TroubleView {
    /// What it is.
    pub what: String,
    /// Since when.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub since: Instant,
}

/// What is known of a DAG besides its definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DagStanding {
    /// Its file, relative to the project.
    pub file: String,
    /// Why its file cannot be used now.
    pub error: Option<String>,
    /// Its file is gone.
    pub withdrawn: bool,
    /// Why it is paused.
    pub paused: Option<PausedView>,
    /// What keeps its trigger from making runs.
    pub trouble: Option<TroubleView>,
    /// Ticks whose runs the store refuses.
    pub refused_ticks: Option<TroubleView>,
}

impl DagView {
    /// A DAG by its latest good version.
    #[must_use]
    pub fn of(dag: &Dag, standing: DagStanding, now: Instant) -> Self {
        let definition = dag.definition();
        let rule = definition.schedule.as_ref();
        let is_off = rule.is_some_and(|rule| !rule.enabled);
        let fires = !is_off && standing.paused.is_none() && !standing.withdrawn;
        let next = dag
            .schedule()
            .filter(|_| fires)
            .and_then(|schedule| schedule.next_after(now));
        let state = match &standing {
            gone if gone.withdrawn => "withdrawn",
            bad if bad.error.is_some() => "broken",
            held if held.paused.is_some() => "paused",
            _ if is_off => "disabled",
            _ => "active",
        };
        Self {
            dag: definition.id.to_string(),
            state,
            file: standing.file,
            description: definition.description.clone(),
            owner: definition.owner.clone(),
            tags: definition.tags.clone(),
            tasks: definition.tasks.len(),
            version: Some(dag.hash().to_string()),
            schedule: rule.map(|rule| rule.cron.clone()),
            timezone: rule.map(|rule| rule.timezone.clone()),
            next,
            error: standing.error,
            paused: standing.paused,
            trigger: definition
                .trigger
                .as_ref()
                .map(|trigger| trigger.kind.clone()),
            trouble: standing.trouble,
            refused_ticks: standing.refused_ticks,
        }
    }

    /// A DAG that the store knows and the files do not have now.
    #[must_use]
    pub fn without_file(id: String, version: Option<String>, standing: DagStanding) -> Self {
        let state = if standing.withdrawn {
            "withdrawn"
        } else {
            "broken"
        };
        Self {
            dag: id,
            state,
            file: standing.file,
            description: None,
            owner: None,
            tags: Vec::new(),
            tasks: 0,
            version,
            schedule: None,
            timezone: None,
            next: None,
            error: standing.error,
            paused: standing.paused,
            trigger: None,
            trouble: None,
            refused_ticks: standing.refused_ticks,
        }
    }
}
