//! The `cloud_run` executor: runs existing Google Cloud Run jobs with overrides.
//!
//! Cloud Run's `jobs.run` has no request id and is not idempotent. So the attempt key travels in the overrides as the
//! variable `NOCTULE_ATTEMPT_KEY`; after an unknown outcome the job's executions are searched for it, and only a search
//! that could have found the work and did not lets the same request be sent again.
//!
//! The output of an execution of several tasks says what became of each, `tasks: [{index, state, exit_code, retried}]`: the
//! first 1,000, and how many were left off. With `retry_failed_indexes = true` a further try runs only the indexes that did
//! not succeed. The job then reads its index from a list: the task at position `CLOUD_RUN_TASK_INDEX` of
//! `NOCTULE_TASK_INDEXES` (`3,7`, counted from 0; all indexes in the first try) does the work of the index that stands there.
//! The last output shows every index of the whole with its last result. What is not known to have succeeded is run again.
//!
//! What the crate guarantees: a launch is one request, never repeated by itself; "surely not started" is said only where
//! nothing was sent or Google refused it; a verdict rests on the execution's record, read by `verdict` alone; a failed
//! read is never a verdict. It never creates, changes or deletes jobs, and never touches an execution without the key.
#![warn(missing_docs)]

mod adc;
mod adoption;
mod check;
mod config;
mod connection;
mod credentials;
mod doctor;
mod duration;
mod endpoint;
mod execution;
mod executions;
mod executor;
mod exit_code;
mod failure;
mod handle;
mod indexes;
mod key_exchange;
mod launch;
mod lenient;
mod listing;
mod log_cursor;
mod logs;
mod owned;
mod pacing;
mod polling;
mod refusal;
mod request;
mod rules;
mod secret_manager;
mod secret_name;
mod session;
pub mod simulator;
mod target;
mod transport;
#[doc(hidden)]
pub mod untrusted;
mod verdict;

pub use config::{Config, TaskCount};
pub use executor::CloudRun;
pub use handle::Handle;
pub use pacing::Pacing;
pub use secret_manager::SecretManager;
