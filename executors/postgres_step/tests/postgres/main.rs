//! The executors of Postgres against a real server, over roads that are cut, held and lose answers.

mod calls;
mod conformance;
mod describing;
mod hints;
mod sensor;
mod service;
mod source;
mod sql;
mod step;
mod types;
mod world;
