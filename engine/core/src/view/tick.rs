//! A coming tick, as it is seen.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instant;
use crate::dag::Dag;
use crate::run::Instant;
use crate::ticks::Schedule;

/// One tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TickView {
    /// The wall clock of the DAG's zone, with its offset.
    pub local: String,
    /// The instant.
    #[serde(serialize_with = "instant::write")]
    #[schemars(schema_with = "instant::schema")]
    pub utc: Instant,
    /// The BSDA of its run.
    pub ingestion_id: Option<String>,
    /// What is worth knowing about it.
    pub remark: Option<String>,
}

impl TickView {
    /// A tick of a DAG's schedule, in the zone of the DAG.
    #[must_use]
    pub fn of(dag: &Dag, schedule: &Schedule, at: Instant, zone: Tz) -> Self {
        let mut remarks: Vec<String> = schedule
            .remark(at)
            .iter()
            .map(ToString::to_string)
            .collect();
        let id = match dag.ingestion_id(at) {
            Ok(id) => Some(id.to_string()),
            Err(error) => {
                remarks.push(error.to_string());
                None
            }
        };
        remarks.extend(
            dag.ingestion()
                .and_then(|rule| rule.lag(at))
                .map(|lag| lag.to_string()),
        );
        Self {
            local: at.with_timezone(&zone).to_rfc3339(),
            utc: at,
            ingestion_id: id,
            remark: (!remarks.is_empty()).then(|| remarks.join("; ")),
        }
    }
}
