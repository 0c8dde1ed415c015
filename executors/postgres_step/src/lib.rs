//! The executors of Postgres, and its event source.
#![warn(missing_docs)]

mod decode;
mod doctor;
mod encode;
mod error;
mod kind;
mod listening;
mod moments;
mod numeric;
mod pacing;
mod pool;
mod query;
mod rows;
mod sensor;
mod session;
mod settings;
mod source;
mod sql;
mod sqlstate;
mod statement;
mod step;
mod waiting;

pub use pacing::Pacing;
pub use pool::Databases;
pub use query::SqlConfig;
pub use sensor::{SqlSensor, SqlSensorConfig, SqlSensorHandle};
pub use source::{PostgresTrigger, PostgresTriggerConfig};
pub use sql::{OneStatement, Postgres, Sql, SqlHandle};
pub use step::{PostgresStep, PostgresStepConfig, StepHandle};
