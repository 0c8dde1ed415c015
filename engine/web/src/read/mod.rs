//! Operations that look.

mod backfills;
mod dags;
mod deliveries;
mod explain;
mod health;
mod logs;
mod metrics;
mod runs;
mod standing;
mod tonight;

pub(crate) use self::backfills::{ListBackfills, ShowBackfill};
pub(crate) use self::dags::{ListDags, ListTicks, ListVersions, ShowDag, ShowVersion, zone_of};
pub use self::deliveries::DeliveryList;
pub(crate) use self::deliveries::ListDeliveries;
pub(crate) use self::explain::{ExplainRun, ExplainTask, reasons};
pub(crate) use self::health::{Health, Readiness};
pub use self::logs::LOG_HEADERS;
pub(crate) use self::logs::{AttemptLogs, AttemptRequest, RequestView, find, handle};
pub(crate) use self::metrics::Metrics;
pub(crate) use self::runs::{
    ListRuns, RunEvents, RunTasks, ShowRun, WaitQuery, read_wait, until_over,
};
pub use self::standing::{
    EventsView, HealthView, ListenerView, OutboxView, SpansView, UnwrittenView,
};
pub(crate) use self::standing::{MOST_COUNTED, ShowStanding, word};
pub use self::tonight::{Rooms, tonight, under_way};
pub(crate) use self::tonight::{Tonight, Work};
