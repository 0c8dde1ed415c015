//! The pure core of Noctule: it decides, and never acts.
//!
//! Values in, values out: definitions, ticks, ingestion ids, templates, the state machine of runs, and the words in
//! which they are shown. It performs no I/O, reads no clock and no environment, and makes no random choice: `now` and
//! new ids are parameters. If a rule needs a socket to be tested, it is in the wrong crate.

pub mod access;
pub mod ask;
pub mod awaiting;
pub mod backfill;
pub mod dag;
pub mod desk;
pub mod explain;
mod listing;
pub mod many;
mod millis;
pub mod name;
pub mod picture;
pub mod planted;
pub mod replay;
pub mod retention;
pub mod run;
pub mod scheduling;
pub mod source;
pub mod sweep;
pub mod template;
pub mod ticks;
pub mod timeline;
pub mod tonight;
pub mod trace;
pub mod view;
pub mod word;
