//! Commands that act: each hands an ask to the engine that holds the store, or is the engine.

mod asking;
mod backfilling;
mod backfills_shown;
mod desk;
mod following;
mod hosting;
mod latest;
mod listening;
mod many;
mod many_shown;
mod remote;
mod resending;
mod running;
mod serving;
mod standing_by;
mod sweeping;
mod watching;

pub(crate) use self::asking::{actor, cancel, mark, pause, reload, resume, retry};
pub(crate) use self::backfilling::{around, backfill};
pub(crate) use self::hosting::owner;
pub(crate) use self::resending::resend;
pub(crate) use self::running::{follow, run, trigger};
pub(crate) use self::serving::serve;
pub(crate) use self::sweeping::sweep;
