//! A real server over a real store and a real engine, whose work is scripted.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod acting;
mod bodies;
mod client;
mod documented;
mod gate;
mod live;
mod logs;
mod looking;
mod nights;
mod paging;
mod paths;
mod stage;
mod triggering;
