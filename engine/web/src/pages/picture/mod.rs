//! The graph of a DAG or of a run, laid out beside the requests and kept.

mod cut;
mod kept;
mod map;
mod page;

pub(crate) use self::cut::{groups_of, usual_or};
pub(crate) use self::kept::Pictures;
pub(crate) use self::page::{ShowGraphPage, canvas};
