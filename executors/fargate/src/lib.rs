//! The `fargate` executor: runs tasks of ECS task definitions on AWS Fargate.
//!
//! ```toml
//! [connections.aws]
//! kind = "aws"
//! region = "us-east-1"          # credentials by the AWS chain; or profile = "…", assume_role = { arn = "…" }
//! cluster = "jobs"              # defaults of every task: cluster, subnets, security_groups, target_group
//! subnets = ["subnet-…"]
//! ```
//! ```toml
//! [tasks.convert]
//! executor = "fargate"
//! with = { task_definition = "convert", container = "main", command = ["convert", "--day", "{{ run.ingestion_id }}"] }
//! ```
//!
//! **Launch.** The attempt key is `clientToken`, `startedBy`, a tag and the variable `NOCTULE_ATTEMPT_KEY`. The `RunTask`
//! body is stored before it is sent and sent byte for byte; at the launch only the definition's revision is pinned, an
//! unnamed container gets the name of the essential one, and secrets take the place of their references. The region is a
//! setting of the connection and never the environment's, and the address of each service is named to the SDK, so a resend
//! goes to where the first send went. After an unknown outcome the cluster is searched by `startedBy`, running and stopped,
//! and then the same request goes out again under the same token; why that never doubles stands in `launch`.
//!
//! **Watch.** One `DescribeTasks` asks about a hundred tasks. The verdict is that of the named container, else of the
//! essential ones (`verdict`); it waits for STOPPED. A failed read is never a verdict.
//!
//! **Sessions.** Held work (`hold_until`), or work with a `target_group`, goes step by step: running with an address; a
//! handle that names the address and the target group is stored; only then it is registered; healthy is ready. It is
//! cleared away from that handle alone: out of the target group, then stopped.
//!
//! **Rights.** `noctule doctor` says what is missing by the name that IAM has for it; [`policy`] makes the least policy.
//!
//! What the crate guarantees: an attempt is at most one task; "surely not started" is said only where nothing was sent or
//! ECS refused it; a success needs exit code 0 of every judged container of a task that nobody stopped. It never
//! registers, changes or deletes clusters, definitions or target groups, and never stops a task without the key.
#![warn(missing_docs)]

mod adoption;
mod check;
mod clearing;
mod clients;
mod config;
mod connection;
mod definition;
mod doctor;
mod document;
mod door;
mod duration;
mod endpoint;
mod executor;
mod failure;
mod handle;
mod launch;
mod logs;
mod owned;
mod pacing;
mod policy;
mod polling;
mod record;
mod request;
mod rules;
mod secrets_manager;
mod session;
mod shelf;
mod signed;
mod tasks;
#[doc(hidden)]
pub mod untrusted;
mod verdict;

pub use config::{Config, Flag, Health, Log, Names};
pub use executor::Fargate;
pub use handle::Handle;
pub use pacing::Pacing;
pub use policy::policy;
pub use secrets_manager::SecretsManager;
