//! The runtime of Noctule: it acts. Owns tokio, time, slots, polling and shutdown.
//!
//! [`Engine`] is the one loop: events in, one commit, then the activities that the committed states ask for. It decides
//! nothing that `noctule-core` can decide, and knows no SQL, no terminal and no executor by name.

mod asking;
mod backfilling;
mod batch;
mod binding;
mod births;
mod budget;
mod catalog;
mod changed;
mod clearing;
mod clock;
mod control;
mod engine;
mod error;
pub mod executors;
mod hands;
mod inheriting;
mod loading;
mod meters;
mod narrating;
mod nights;
mod of_key;
mod pausing;
mod polling;
mod publishing;
mod relaying;
mod resending;
mod retaining;
mod retrying;
mod reviving;
mod saving;
mod secret;
mod spanning;
mod surroundings;
mod telling;
mod ticking;
mod triggering;
mod unborn;
mod unwritten;
mod watching;
mod work;

pub use budget::Rates;
pub use catalog::{Known, Publication, PublishedDag};
pub use changed::{Changed, Changes};
pub use clock::Clock;
pub use control::Control;
pub use engine::{Engine, EngineOptions};
pub use error::RuntimeError;
pub use meters::Meters;
pub use noctule_core::access::fits;
pub use relaying::Standby;
pub use retaining::{Forgotten, Retaining};
pub use secret::{Origin, Secret, Secrets};
pub use spanning::{SPAN_PATIENCE, SpanCounts, SpanSink};
pub use surroundings::Surroundings;
pub use telling::Courier;
