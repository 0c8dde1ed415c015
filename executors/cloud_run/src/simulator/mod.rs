//! A Cloud Run Jobs and Cloud Logging simulator that listens on a local address.
//!
//! For tests in process, for `noctule sim cloud-run` and for `endpoint = "simulator"`. It answers the
//! REST calls a client of jobs makes, as strictly as Google: unknown names, wrong types and unknown
//! parameters are refused with Google's own error bodies. Containers are local commands, or scripts
//! that a test ends by hand; faults come to order; every request is recorded.
//! It never reaches another machine, never asks for credentials unless told to, and keeps nothing
//! after it is dropped: its containers are killed with it.

mod api;
mod attempt;
mod call;
mod clock;
mod cloud;
mod condition;
mod duration;
mod ending;
mod error;
mod execution;
mod fault;
mod fault_config;
mod filter;
mod handle;
mod job;
mod log_entry;
mod log_list;
mod name;
mod operation;
mod overrides;
mod page;
mod path;
mod query;
mod refusal;
mod render;
mod schema;
mod schema_read;
mod script;
mod secrets;
mod server;
mod settings;
mod shared;
mod task;
mod view;

pub use condition::{Condition, ConditionState, Reason};
pub use ending::Ending;
pub use error::SimulatorError;
pub use fault::{Answer, Effect, RequestPattern};
pub use fault_config::{FaultConfig, FaultKind};
pub use noctule_simulated::{Fault, RecordedRequest};
pub use script::JobScript;
pub use server::{Simulator, SimulatorBuilder};
pub use settings::{Fail, JobConfig, SimulatorConfig};
pub use view::{Counts, ExecutionView, State};
