//! Commands that carry the mark of a store are found by it, while they run.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::time::Duration;

use noctule_executor::{Executor, Status};
use noctule_process::Process;
use store::{Store, shell};

const OURS: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234567";
const ENDED: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234568";
const THEIRS: &str = "n1-ffffffff-0123456789abcdef0123456789abcdef01234567";

async fn listed(store: &Store) -> Vec<String> {
    let found = Process::default().owned(&store.context, &[]).await.unwrap();
    found.iter().map(|owned| owned.key.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_running_commands_of_the_store_are_listed() {
    let (store, process) = (Store::new(), Process::default());
    assert_eq!(listed(&store).await, [""; 0]);
    store.outcome(&process, ENDED, shell("true")).await;
    let long = shell("sleep 60");
    let handle = store.launch(&process, OURS, long.clone()).await.unwrap();
    let theirs = store.launch(&process, THEIRS, long).await.unwrap();
    let found = process.owned(&store.context, &[]).await.unwrap();
    assert_eq!(listed(&store).await, [OURS]);
    assert_eq!(found[0].handle, handle);
    assert!(found[0].since.is_some());
    let status = store.status(&Process::default(), &found[0].handle).await;
    assert!(matches!(status, Ok(Status::Running { .. })), "{status:?}");
    for handle in [&handle, &theirs] {
        let stopped = process.cancel(&store.context, handle, Duration::ZERO);
        stopped.await.unwrap();
        store.end(&process, handle).await;
    }
    assert_eq!(listed(&store).await, [""; 0]);
}
