//! What simulators of remote services have in common: containers as local commands, a clock that a
//! test may replace, requests as they arrived, and faults to order below HTTP.
//!
//! It knows no service. It never reaches another machine, and what it starts ends with its holder.
#![warn(missing_docs)]

mod clock;
mod container;
pub mod duration;
mod fault;
mod lock;
mod record;
mod wire;

pub use clock::Clock;
pub use container::{Container, End, Output};
pub use fault::{Answer, Effect, Fault, FaultList, Order, carry_out, fits};
pub use lock::lock;
pub use record::RecordedRequest;
pub use wire::{Wire, WireListener, WireStream};
