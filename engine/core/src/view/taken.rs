//! Another definition for a run, as it is seen: which, and what differs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dag::{Dag, Difference};

/// What a run gets with the latest definition of its DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakenView {
    /// The version that the run had.
    pub from: String,
    /// The version that it gets; the same one, if it has it already.
    pub to: String,
    /// What lies between them.
    #[serde(flatten)]
    pub difference: Difference,
}

impl TakenView {
    /// What lies between two versions.
    #[must_use]
    pub fn of(earlier: &Dag, later: &Dag, difference: Difference) -> Self {
        Self {
            from: earlier.hash().to_string(),
            to: later.hash().to_string(),
            difference,
        }
    }
}
