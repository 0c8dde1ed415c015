//! A real server over a real store and a real engine, whose work is scripted.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod access;
mod acting;
mod bodies;
mod client;
mod compressed;
mod documented;
mod gate;
mod live;
mod login;
mod logs;
mod looking;
mod metrics;
mod nights;
mod pages;
mod paging;
mod paths;
mod provider;
mod roles;
mod stage;
mod taking;
mod triggering;
mod unreadable;
mod walking;
