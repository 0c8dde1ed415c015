//! Definitions of DAGs, and the validated graph that is made of them.

mod definition;
mod graph;
mod timing;
mod trigger;

pub use definition::*;
pub use graph::{Dag, DagError, TaskIx};
pub use timing::TimingError;
pub use trigger::TriggerTable;
