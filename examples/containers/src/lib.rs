//! Stand-ins for the containers of the nightly spreadsheet conversion.
//!
//! Each step really does its work on small sample sheets, in a folder that stands for the bucket. A step run again
//! for the same ingestion id leaves the same bytes; a step whose input is missing fails and says what is missing.
//! Never reads the clock and never touches the network.

mod bucket;
mod error;
mod records;
mod samples;
mod settings;
mod sheet;
mod steps;

pub use error::StepError;
pub use settings::{IngestionId, Selection, Settings};
pub use steps::{Step, run};
