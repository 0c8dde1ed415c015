//! The pages of one DAG: its runs as a grid, its history, its backfills, its definition, and the form that asks for a run.

mod cells;
mod columns;
mod definition;
mod difference;
mod frame;
mod grid;
mod history;
mod many;
mod nights;
mod trigger;
mod way;

pub(crate) use self::columns::Columns;
pub(crate) use self::definition::ShowDefinition;
pub(crate) use self::frame::{DagSheet, Tab};
pub(crate) use self::grid::ShowGrid;
pub(crate) use self::history::ShowHistory;
pub(crate) use self::nights::ShowNights;
pub(crate) use self::trigger::ShowTrigger;
pub(crate) use self::way::ShowCell;
