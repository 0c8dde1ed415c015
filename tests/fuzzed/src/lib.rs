//! What is fuzzed: every reader of bytes that come from outside, each with what must hold for whatever it is given.
//!
//! A target is one function over bytes that panics where a promise is broken. `fuzz/` calls them under coverage; the tests
//! of this crate replay the corpus and go on from it by chance, with a fixed seed, on any compiler.

#![warn(missing_docs)]

mod cron;
#[cfg(feature = "fargate")]
mod fargate;
mod files;
mod google;
mod names;
mod process;
mod templates;
mod times;

pub use cron::cron;
#[cfg(feature = "fargate")]
pub use fargate::ecs_task;
pub use files::{dag_file, project_file};
pub use google::{cloud_run_execution, cloud_run_log, cloud_run_refusal};
pub use names::names;
pub use process::{process_record, supervisor_frames};
pub use templates::template;
pub use times::times;

/// A function over bytes that panics where a promise is broken.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("cloud_run_execution", cloud_run_execution),
    ("cloud_run_log", cloud_run_log),
    ("cloud_run_refusal", cloud_run_refusal),
    ("cron", cron),
    ("dag_file", dag_file),
    #[cfg(feature = "fargate")]
    ("ecs_task", ecs_task),
    ("names", names),
    ("process_record", process_record),
    ("project_file", project_file),
    ("supervisor_frames", supervisor_frames),
    ("template", template),
    ("times", times),
];
