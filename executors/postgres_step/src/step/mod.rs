//! `executor = "postgres_step"`: work done by whoever watches a table.

mod calling;
mod check;
mod config;
mod document;
mod executor;
mod handle;
mod launching;
mod looking;
mod watch;

pub use config::PostgresStepConfig;
pub use executor::PostgresStep;
pub use handle::StepHandle;
