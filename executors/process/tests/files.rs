//! What lies on the disk: logs with any bytes and a bound, pages of them, and private modes.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use noctule_executor::{Executor, LogPage};
use noctule_process::{Handle, Process};
use serde_json::json;
use store::{Store, quick, shell, until};

async fn whole_log(store: &Store, process: &Process, handle: &Handle) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut cursor = None;
    loop {
        let page: LogPage = process
            .logs(&store.context, handle, cursor.as_ref())
            .await
            .unwrap();
        bytes.extend(page.bytes);
        cursor = page.next.or(cursor);
        if page.drained {
            return bytes;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_holds_the_bytes_as_they_were_in_pages() {
    let (store, process) = (Store::new(), Process::default());
    let script = r"printf 'a\000\377\033[31m'; printf err >&2; head -c 2500000 /dev/zero";
    let handle = store.launch(&process, "a", shell(script)).await.unwrap();
    store.end(&process, &handle).await;
    let log = whole_log(&store, &Process::default(), &handle).await;
    assert!(log.starts_with(b"a\0\xff\x1b[31merr\0\0"));
    assert_eq!(log.len(), 11 + 2_500_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_can_be_read_while_the_command_runs() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, "a", shell("echo one; exec sleep 60"))
        .await
        .unwrap();
    until("something is written", || {
        std::fs::metadata(store::log(&handle)).unwrap().len() == 4
    })
    .await;
    let page = process.logs(&store.context, &handle, None).await.unwrap();
    assert_eq!((page.bytes.as_slice(), page.drained), (&b"one\n"[..], true));
    let more = process
        .logs(&store.context, &handle, page.next.as_ref())
        .await
        .unwrap();
    assert!(more.bytes.is_empty() && more.drained && more.next.is_none());
    process
        .cancel(&store.context, &handle, Duration::ZERO)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endless_line_is_cut_at_the_bound_with_a_marker() {
    let (store, process) = (Store::new(), quick());
    let handle = store
        .launch(&process, "a", shell("head -c 1000000000 /dev/zero"))
        .await
        .unwrap();
    store.end(&process, &handle).await;
    let log = whole_log(&store, &process, &handle).await;
    assert!(log.len() < 100_200, "{}", log.len());
    assert!(log[..100_000].iter().all(|byte| *byte == 0));
    assert!(String::from_utf8_lossy(&log[100_000..]).contains("limit of 100000 bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_holds_while_the_command_writes_on() {
    let (store, process) = (Store::new(), quick());
    let script = "head -c 300000 /dev/zero; sleep 0.2; head -c 300000 /dev/zero; exec sleep 60";
    let handle = store.launch(&process, "a", shell(script)).await.unwrap();
    let size = || std::fs::metadata(store::log(&handle)).unwrap().len();
    until("it has begun", || size() > 0).await;
    until("it is cut", || size() < 100_200).await;
    until("it grows again", || size() > 200_000).await;
    until("it is cut again", || size() < 100_200).await;
    process
        .cancel(&store.context, &handle, Duration::ZERO)
        .await
        .unwrap();
    store.end(&process, &handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_private() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, "a", json!({"command": ["true"]}))
        .await
        .unwrap();
    store.end(&process, &handle).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.root()), 0o700);
    for file in std::fs::read_dir(store.root()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}
