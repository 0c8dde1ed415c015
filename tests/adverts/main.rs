//! The variant pipeline and the mapped converter, as they replace the systems of before: one binary, a file for each kind
//! of promise.
//!
//! Everything here is real: the project and DAG files of this repository, the engine, SQLite on disk, Postgres, the advert
//! service over HTTP, and its faults. Each promise of the pipeline is held waiting on the line and by polling.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

/// One promise, held both ways of waiting.
macro_rules! both_ways {
    ($($name:ident)*) => {
        mod block {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(noctule_executor::Wait::Block).await;
            })*
        }
        mod poll {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(noctule_executor::Wait::Poll).await;
            })*
        }
    };
}

mod converter;
mod deaths;
mod failures;
mod ledger;
mod order;
mod running;
mod stage;
