//! Runs: how they stand, what can happen to them, and what follows.
//!
//! [`advance`] is the state machine; [`activity`] says what a state asks the engine to do; [`Board`] keeps, over all live
//! runs, who waits for a slot and which instant comes next. All of it is computed from live state, nothing is counted.

mod activity;
mod actor;
mod attempt;
mod board;
mod clearing;
mod creation;
mod deadline;
mod doubt;
mod ending;
mod event;
mod expanding;
mod expansion;
mod gate;
mod hall;
mod heard;
mod judging;
mod latest;
mod launching;
mod lifecycle;
mod line;
mod obligation;
mod port;
mod record;
mod repin;
mod retry;
mod silence;
mod state;
mod transition;
mod watching;
mod words;

#[cfg(test)]
mod tests;

pub use activity::{Activity, activity, holds_slot};
pub use actor::Actor;
pub use attempt::*;
pub use board::Board;
pub(crate) use creation::birth;
pub use creation::{NewRun, create, newborn};
pub use deadline::next_due;
pub use event::{Event, News};
pub use expansion::{Expansion, Item, ItemOf, ItemState, Tally};
pub use gate::{Gate, Upstream, judge};
pub(crate) use heard::attempt_of;
pub use heard::{Digest, Heard, PortAnswer};
pub use latest::{Latest, Unfit, plan_latest};
pub use line::Limits;
pub use obligation::{CLEARING_PATIENCE, Cleared, ClearingTry, Duty, Obligation};
pub use port::{Intent, Port};
pub use record::{Fact, Record};
pub use repin::Repin;
pub use retry::{RetryRefusal, RetryScope, plan_retry};
pub use silence::{HOST_LOST_AFTER, Report, Silence};
pub use state::*;
pub use transition::{Step, advance};
