//! Engines on one database: one acts, the other stands by and takes over, and every task is launched once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../kills/chain.rs"]
mod chain;
#[path = "../kills/process.rs"]
mod process;
#[path = "../kills/project.rs"]
#[expect(dead_code, reason = "the kills use more of it")]
mod project;

mod draining;
mod taking_over;
