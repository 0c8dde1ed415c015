//! What is kept of attempts goes when it is asked to: first what they wrote, then everything.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod store;

use std::time::Duration;

use noctule_executor::{AttemptKey, Executor, Keepsake};
use noctule_process::Process;
use store::{Store, shell};

const OLD: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234568";
const NOWHERE: &str = "n1-0a1b2c3d-0123456789abcdef0123456789abcdef01234569";

/// The endings of the files that are kept of a key.
fn kept(store: &Store, key: &str) -> Vec<String> {
    let entries = store.root().read_dir().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ending = |name: String| Some(name.strip_prefix(key)?.trim_start_matches('.').to_owned());
    let mut endings: Vec<_> = names.filter_map(ending).collect();
    endings.sort();
    endings
}

async fn forget(store: &Store, keys: &[&str], what: Keepsake) {
    let keys: Vec<_> = keys.iter().map(|key| AttemptKey::from_text(*key)).collect();
    let process = Process::default();
    process.forget(&store.context, &keys, what).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_before_the_record_and_what_is_not_named_stays() {
    let (store, process) = (Store::new(), Process::default());
    let writes = || shell("echo one; echo '{}' > \"$NOCTULE_OUTPUT\"");
    store.outcome(&process, OLD, writes()).await;
    store.outcome(&process, OTHER, writes()).await;
    forget(&store, &[OLD, NOWHERE, "../climbs"], Keepsake::Log).await;
    assert_eq!(kept(&store, OLD), ["record"]);
    forget(&store, &[OLD], Keepsake::All).await;
    assert_eq!(kept(&store, OLD), [""; 0]);
    assert_eq!(kept(&store, OTHER), ["log", "output", "record"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_command_that_still_runs_stay() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, OLD, shell("echo one; exec sleep 60"))
        .await
        .unwrap();
    forget(&store, &[OLD], Keepsake::All).await;
    assert_eq!(kept(&store, OLD), ["log", "record"]);
    let stopped = process.cancel(&store.context, &handle, Duration::ZERO);
    stopped.await.unwrap();
    store.end(&process, &handle).await;
}
