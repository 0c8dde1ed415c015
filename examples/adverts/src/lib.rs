//! The service behind the `advert` pipeline: ten endpoints, each of which claims a piece of work under an attempt key and
//! writes its end into a row; and a stand-in for the converter that `dags/converter.toml` calls once for each pair.
//!
//! Guarantees: a key begins its work once, however often it is sent; two keys never work on one row at a time; work that
//! lost its claim changes nothing. Never: what comes next is decided here, that is the pipeline's.
#![warn(missing_docs)]

mod claim;
mod converter;
mod database;
mod error;
mod fault;
mod service;
mod step;
mod wire;
mod work;

pub use converter::{Conversion, Converter};
pub use database::{Database, Seed};
pub use error::AdvertError;
pub use service::{Service, Settings};
pub use step::{STEPS, Step};
