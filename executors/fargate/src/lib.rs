//! The `fargate` executor: runs tasks of ECS task definitions on AWS Fargate.
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
mod polling;
mod record;
mod request;
mod rules;
mod session;
mod shelf;
mod signed;
mod tasks;
mod verdict;

pub use config::{Config, Flag, Health, Log, Names};
pub use executor::Fargate;
pub use handle::Handle;
pub use pacing::Pacing;
