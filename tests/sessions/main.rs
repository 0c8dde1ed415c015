//! Session containers on Fargate behind a load balancer: what Noctule promises to those who give every request a container
//! of its own, route many calls to it, collect what it made, and want nothing left of it.
//!
//! Everything is real but for AWS: the binary in processes of its own, SQLite on disk, the executors, and containers that
//! are local processes behind the ECS simulator. Each rule holds for tasks that block and for tasks that are polled.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod astray;
mod collecting;
mod killed;
mod lives;
mod stage;

#[expect(dead_code, reason = "the kills need more of it")]
#[path = "../kills/process.rs"]
mod process;
#[expect(dead_code, reason = "the kills need more of it")]
#[path = "../kills/project.rs"]
mod project;

/// The same rule for both ways to wait.
macro_rules! both_waits {
    ($($(#[$about:meta])* $rule:ident)*) => {
        mod blocking { $(#[test] $(#[$about])* fn $rule() { super::$rule("block"); })* }
        mod polling { $(#[test] $(#[$about])* fn $rule() { super::$rule("poll"); })* }
    };
}
use both_waits;
