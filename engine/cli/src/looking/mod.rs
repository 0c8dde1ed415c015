//! Commands that look: none of them changes a run, a file or the store.

mod check;
mod completion;
mod config;
mod dags;
mod doctor;
mod events;
mod explain;
mod given;
mod graph;
mod logs;
mod next;
mod picture;
mod plan;
mod planned;
mod runs;
mod schema;
mod show;
mod sim;
mod story;

pub(crate) use self::check::check;
pub(crate) use self::completion::completion;
pub(crate) use self::config::config;
pub(crate) use self::dags::dags;
pub(crate) use self::doctor::{doctor, needs};
pub(crate) use self::events::events;
pub(crate) use self::explain::explain;
pub(crate) use self::given::Given;
pub(crate) use self::graph::graph;
pub(crate) use self::logs::logs;
pub(crate) use self::next::next;
pub(crate) use self::plan::plan;
pub(crate) use self::runs::runs;
pub(crate) use self::schema::schema;
pub(crate) use self::show::show;
pub(crate) use self::sim::sim;
pub(crate) use self::story::pinned;
