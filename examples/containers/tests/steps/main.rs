//! The stand-ins as the engine meets them: the program, its environment, its exit code and the files it leaves.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its files shall fail there"
)]

mod nights;
mod refusals;
mod reruns;
mod selection;
mod stand_in;
