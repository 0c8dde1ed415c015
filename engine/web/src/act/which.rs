//! Which runs of a DAG an act is for.
//!
//! Guarantees: something has to be said, and no more runs are taken, or read, than one request may touch; whatever is too much
//! is refused before anything is done.

use noctule_core::backfill::Range;
use noctule_core::name::{DagId, RunId};
use noctule_core::run::Instant;
use noctule_core::ticks::IngestionId;
use noctule_core::view::RUN_STATES;
use noctule_store::{RunSummary, Selection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plain;
use crate::problem::{Code, Problem};
use crate::read::zone_of;
use crate::web::Web;

/// The most runs of one request.
pub(super) const RUNS: usize = 1_000;
/// Runs and ingestion ids that an audit event names.
const NAMED: usize = 20;

/// Which runs: those that fit everything that is said; something has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// With a nominal time from this one on. Only together with `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to this one, included; a bare date is the whole day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "states")]
    pub state: Option<String>,
    /// With one of these ingestion ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = RUNS))]
    pub ingestion_ids: Vec<String>,
    /// Among these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = RUNS))]
    pub runs: Vec<String>,
}

fn states(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["string", "null"], "enum": RUN_STATES })
}

pub(super) fn wrong(said: impl Into<String>) -> Problem {
    Problem::new(Code::Invalid, said)
}

impl Which {
    /// The runs that fit, by their nominal times.
    pub(super) async fn find(&self, web: &Web, dag: &DagId) -> Result<Vec<RunSummary>, Problem> {
        for (name, count) in [
            ("ingestion_ids", self.ingestion_ids.len()),
            ("runs", self.runs.len()),
        ] {
            if count > RUNS {
                return Err(wrong(format!("{name}: {count}; at most {RUNS} at once")));
            }
        }
        let ids = ids(self)?.into_iter().map(|id| id.as_str().to_owned());
        let selection = Selection {
            dag: dag.clone(),
            nominal: self.range(web, dag).await?,
            state: state(self)?,
            ingestion_ids: ids.collect(),
            runs: given(self)?,
        };
        let says_nothing = selection.nominal.is_none()
            && selection.state.is_none()
            && selection.ingestion_ids.is_empty()
            && selection.runs.is_empty();
        if says_nothing {
            let said = "which: say from when to when, in which state, or which ones";
            return Err(wrong(said));
        }
        let found = web.store().select_runs(&selection, RUNS).await?;
        found.ok_or_else(|| {
            let said = format!(
                "which: more than {RUNS} runs; say a shorter range, and do one after the other"
            );
            wrong(said)
        })
    }

    async fn range(&self, web: &Web, dag: &DagId) -> Result<Option<(Instant, Instant)>, Problem> {
        let (from, to) = match (&self.from, &self.to) {
            (Some(from), Some(to)) => (from, to),
            (None, None) => return Ok(None),
            _ => return Err(wrong("which: `from` and `to` belong together")),
        };
        let zone = match web.record(dag).await?.version {
            Some(hash) => zone_of(&*web.dag(&hash).await?),
            None => chrono_tz::Tz::UTC,
        };
        let range = Range::read(from, to, zone, web.now()).map_err(wrong)?;
        Ok(Some((range.from, range.to)))
    }

    /// In one line, as it was said.
    pub(super) fn said(&self) -> String {
        let mut parts = Vec::new();
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            parts.push(format!("from {} to {}", plain(from), plain(to)));
        }
        parts.extend(
            self.state
                .as_ref()
                .map(|state| format!("state {}", plain(state))),
        );
        for (name, all) in [("ingestion id", &self.ingestion_ids), ("run", &self.runs)] {
            if !all.is_empty() {
                parts.push(format!("{name} {}", listed(all)));
            }
        }
        parts.join(", ")
    }
}

/// The first of a list, and how many more there are.
pub(super) fn listed(all: &[String]) -> String {
    let named: Vec<String> = all.iter().take(NAMED).map(|one| plain(one)).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(" "),
        more => format!("{} and {more} more", named.join(" ")),
    }
}

fn state(which: &Which) -> Result<Option<String>, Problem> {
    match &which.state {
        Some(state) if !RUN_STATES.contains(&state.as_str()) => {
            Err(wrong(format!("state: one of {}", RUN_STATES.join(", "))))
        }
        state => Ok(state.clone()),
    }
}

fn ids(which: &Which) -> Result<Vec<IngestionId>, Problem> {
    let read = |text: &String| {
        IngestionId::given(text).map_err(|error| wrong(format!("ingestion_ids: {error}")))
    };
    which.ingestion_ids.iter().map(read).collect()
}

fn given(which: &Which) -> Result<Vec<RunId>, Problem> {
    let read = |text: &String| {
        text.parse()
            .map_err(|error: noctule_core::name::NameError| wrong(format!("runs: {error}")))
    };
    which.runs.iter().map(read).collect()
}
