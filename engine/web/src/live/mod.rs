//! What happens, as it happens: server-sent events, for one run and for all.
//!
//! Guarantees: one reader of the store feeds everybody who listens; whoever comes back with the id of the last event it
//! saw gets what came after, without loss and without doubles, or is told plainly that it must look at the state anew.

mod client;
mod feed;
mod history;
mod journal;

pub use self::client::LiveEvent;
pub(crate) use self::client::{Events, RunStream};
pub(crate) use self::feed::Feed;
