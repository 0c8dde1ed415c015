//! What happens, as it happens: server-sent events, for one run and for all.
//!
//! Guarantees: one reader of the store feeds everybody who listens; whoever comes back with the id of the last event it
//! saw gets what came after, without loss and without doubles, or is told plainly that it must look at the state anew:
//! so too after this server lost the store and regained it, and where something cannot be read. A server without the store
//! tells nobody that nothing happens.

mod backfills;
mod behind;
mod client;
mod ear;
mod feed;
mod history;
mod journal;
mod source;
mod told;

pub use self::backfills::LiveBackfill;
pub use self::client::LiveEvent;
pub(crate) use self::client::{Events, RunStream};
pub(crate) use self::ear::Ear;
pub(crate) use self::feed::Feed;
