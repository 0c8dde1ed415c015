//! Two executors from outside: a sensor that waits for a file, and remote work through a spool folder.
//!
//! This crate uses nothing of Noctule but the contract (`noctule-executor`); only its `main` names the engine.
#![warn(missing_docs)]

mod file_sensor;
mod patience;
mod spool;

pub use file_sensor::{AwaitedFile, FileSensor};
pub use spool::{Spool, SpoolConfig, SpooledWork};
