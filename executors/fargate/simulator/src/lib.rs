//! A simulator of AWS ECS on Fargate that listens on a local address.
//!
//! For tests in process, for `noctule sim ecs` and for `endpoint = "simulator"`. It answers the calls
//! a client of tasks makes, of ECS, CloudWatch Logs, Secrets Manager and Elastic Load Balancing, as strictly as AWS or
//! more so. Containers are local commands, or whatever a test decides; faults come to order; every
//! request is recorded and every start is counted.
//! It never reaches another machine, never asks for real credentials, and keeps nothing after it is
//! dropped: its containers are killed with it.
#![warn(missing_docs)]

mod action;
mod arn;
mod call;
mod cloud;
mod config;
mod container;
mod control;
mod definition;
mod descriptions;
mod error;
mod fault;
mod fault_config;
mod handle;
mod health;
mod life;
mod load_balancing;
mod log_book;
mod log_events;
mod query;
mod read;
mod refusal;
mod render;
mod run_request;
mod run_task;
mod secrets;
mod server;
mod settings;
mod shared;
mod signature;
mod start;
mod status;
mod stranger;
mod tag;
mod target;
mod task;
mod tasks;
mod view;
mod xml;

pub use action::{Action, Service};
pub use config::{Fail, JobConfig, SimulatorConfig};
pub use definition::{ContainerDefinition, Definition, Work};
pub use error::SimulatorError;
pub use fault::Fault;
pub use fault_config::{FaultConfig, FaultKind};
pub use noctule_simulated::{Answer, Clock, Effect, Fault as Ordered, RecordedRequest};
pub use server::Simulator;
pub use settings::{Health, KeyPair, Pace, Settings};
pub use start::Start;
pub use status::{Ending, Status, StopCode};
pub use target::TargetHealth;
pub use view::{ContainerView, State, TargetView, TaskView};
