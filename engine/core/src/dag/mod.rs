//! Definitions of DAGs, and the validated graph that is made of them.

mod definition;
mod difference;
mod graph;
mod mapping;
mod pool;
mod timing;
mod trigger;

pub use definition::*;
pub use difference::{Changed, Difference};
pub use graph::{Dag, DagError, TaskIx};
pub use mapping::{GROUP, HoldUntil, MapRule, MinSuccess};
pub use pool::{DEFAULT_POOL, PoolUse};
pub use timing::TimingError;
pub use trigger::TriggerTable;
