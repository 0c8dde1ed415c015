//! Cancelling: before, during and after; commands that will not end; and what they leave behind.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::time::Duration;

use noctule_executor::{Executor, Outcome};
use noctule_process::{Handle, Process};
use serde_json::json;
use store::{Store, is_alive, read_number, shell, until};

async fn cancel(store: &Store, process: &Process, handle: &Handle, grace: Duration) {
    process.cancel(&store.context, handle, grace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_hears_term_ends_within_its_grace() {
    let (store, process) = (Store::new(), Process::default());
    let ready = store.scratch("ready");
    let script = format!(
        "trap 'exit 9' TERM; touch {}; while :; do sleep 0.01; done",
        ready.display()
    );
    let handle = store.launch(&process, "a", shell(&script)).await.unwrap();
    until("it listens", || ready.exists()).await;
    cancel(&store, &process, &handle, Duration::from_secs(50)).await;
    let outcome = store.end(&process, &handle).await.outcome;
    let output = Some(json!({"exit_code": 9}));
    assert_eq!(outcome, Outcome::Cancelled { by: None, output });
    cancel(&store, &process, &handle, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_command_is_killed_with_its_family_though_the_engine_is_gone() {
    let (store, process) = (Store::new(), Process::default());
    let (child, stray) = (store.scratch("child"), store.scratch("stray"));
    let script = format!(
        "trap '' TERM; sleep 60 & echo $! > {}; setsid sh -c 'trap \"\" TERM; echo $$ > {}; sleep 60' & wait; sleep 60",
        child.display(),
        stray.display()
    );
    let handle = store.launch(&process, "a", shell(&script)).await.unwrap();
    until("its family is there", || {
        read_number(&child).is_some() && read_number(&stray).is_some()
    })
    .await;
    let family = [
        handle.pid,
        read_number(&child).unwrap(),
        read_number(&stray).unwrap(),
    ];
    cancel(&store, &process, &handle, Duration::from_millis(100)).await;
    drop(process);
    for pid in family {
        until("the family is gone", || !is_alive(pid)).await;
    }
    let outcome = store.end(&Process::default(), &handle).await.outcome;
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_command_can_be_cancelled() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, "a", shell("kill -STOP $$; exit 0"))
        .await
        .unwrap();
    cancel(&store, &process, &handle, Duration::from_secs(50)).await;
    let outcome = store.end(&process, &handle).await.outcome;
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_a_dead_supervisor_can_be_cancelled() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, "a", shell("exec sleep 60"))
        .await
        .unwrap();
    store.kill_supervisor().await;
    cancel(&store, &process, &handle, Duration::from_secs(10)).await;
    until("it is gone", || !is_alive(handle.pid)).await;
    let outcome = store.end(&process, &handle).await.outcome;
    assert!(!matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
}
