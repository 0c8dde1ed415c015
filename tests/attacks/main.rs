//! Attacks on the program as it is shipped: what a hostile DAG author, task, server or file may try, and what must then hold.
//!
//! The real binary in a folder of its own, against servers that lie. Each file is one kind of attack; `stage` is the project,
//! `evil` the server.

#![allow(clippy::unwrap_used, reason = "a test")]

mod bombs;
mod evil;
mod leaks;
mod logs;
mod paths;
mod secrets;
mod stage;
mod web;
