//! Power loss: what an SQLite store of Noctule looks like when the machine goes dark at any instant.
//!
//! `shim` writes down all that SQLite does to the files of a store while `workload` drives the real `Store`; `disk`
//! knows what of it a disk was told to keep, and makes images: all of that, and any part of the rest, torn at sectors.
//! `campaign` opens each image as an engine would and compares it with what was acknowledged before the lights went out.
//!
//! Guarantees: the same seed makes the same workload and the same choices. The one thing it takes on trust is that the
//! folder is synced after the rename that gives a store its name: that call does not pass SQLite.

#![warn(missing_docs)]

mod campaign;
mod chance;
mod disk;
mod error;
mod image;
mod log;
mod sample;
mod shim;
mod snapshot;
mod workload;

pub use campaign::{Campaign, Figures, Plan, timed};
pub use error::PowerError;
pub use log::Plant;
