//! Campaigns against the real program: engines are killed, stopped, starved and cut off at random and at every named place,
//! while several clients ask for runs all along. The work itself, outside of the project, writes down when it began and when
//! it ended; at the end that ledger is compared with what the store says.
//!
//! ```text
//! cargo xtask crash --kills 10000 --store sqlite
//! cargo xtask engines --minutes 60
//! ```
//!
//! Guarantees: the choices of a campaign follow from its start value, which is printed; every process that it starts is ended
//! by it; a campaign in which too little was done, or too few faults struck, has failed. Never: a wait without a bound.
#![warn(missing_docs)]

mod audit;
mod books;
mod chance;
mod clients;
mod comparing;
mod crash;
mod dags;
mod engines;
mod error;
mod faults;
mod figures;
mod gated;
mod ledger;
mod notes;
mod process;
mod room;
mod stage;
pub mod strike;
mod striking;
pub mod under_fire;
pub mod work;
mod world;

pub use crash::{Crash, Terms};
pub use engines::Engines;
pub use error::CampaignError;
pub use figures::{Least, Report, Tally};
pub use stage::Kind;
