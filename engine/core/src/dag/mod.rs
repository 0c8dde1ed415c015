//! Definitions of DAGs, and the validated graph that is made of them.

mod definition;
mod graph;
mod mapping;
mod timing;

pub use definition::*;
pub use graph::{Dag, DagError, TaskIx};
pub use mapping::{GROUP, HoldUntil, MapRule, MinSuccess};
pub use timing::TimingError;
