//! Engines and supervisors that die: one command for a key, ends that are known, and ends that nobody saw.

mod store;

use std::time::Duration;

use noctule_executor::{ErrorClass, Executor, ExecutorError, Outcome, Status};
use noctule_process::Process;
use serde_json::json;
use std::future::Future;
use store::{Store, is_alive, quick, shell, until};

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed {
            class: ErrorClass::Unknown,
            ..
        }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_process_however_often_it_is_launched() {
    let store = Store::new();
    let ledger = store.scratch("ledger");
    let config = shell(&format!("echo $$ >> {}", ledger.display()));
    let (one, other) = (Process::default(), Process::default());
    let (first, second) = tokio::join!(
        store.launch(&one, "a", config.clone()),
        store.launch(&other, "a", config.clone())
    );
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    store.end(&one, &first).await;
    assert_eq!(store.launch(&one, "a", config).await.unwrap(), first);
    assert_eq!(std::fs::read_to_string(ledger).unwrap().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_begin_together_get_one_supervisor() {
    let store = Store::new();
    let processes: Vec<_> = (0..6).map(|_| Process::default()).collect();
    let keys: Vec<_> = (0..6).map(|number| format!("k{number}")).collect();
    let launches = processes.iter().zip(&keys).map(|(process, key)| {
        store.launch(process, key, shell("readlink /proc/$PPID/exe; echo $PPID"))
    });
    let mut parents = Vec::new();
    let mut handles = Vec::new();
    // Polled together: each has its own connection.
    let mut pending: Vec<_> = launches.map(Box::pin).collect();
    let all = std::future::poll_fn(|cx| {
        pending.retain_mut(|launch| match launch.as_mut().poll(cx) {
            std::task::Poll::Ready(handle) => {
                handles.push(handle.unwrap());
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    });
    all.await;
    for handle in &handles {
        store.end(&processes[0], handle).await;
        parents.push(std::fs::read_to_string(store::log(handle)).unwrap());
    }
    parents.dedup();
    assert_eq!(parents.len(), 1, "{parents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_whose_answer_is_lost_is_adopted() {
    let store = Store::new();
    let gate = store.scratch("gate");
    let config = shell(&format!(
        "while [ ! -e {} ]; do sleep 0.01; done; exit 5",
        gate.display()
    ));
    let process = Process::default();
    // A launch that is known, so that the connection stands.
    store
        .outcome(&process, "first", json!({"command": ["true"]}))
        .await;
    let mut launch = Box::pin(store.launch(&process, "a", config));
    // Sent by the first polls, then dropped without its answer.
    let sent = tokio::time::timeout(Duration::from_millis(1), &mut launch).await;
    drop(sent);
    drop(launch);
    let folder = store.root().join("a.record");
    until("the command has begun", || {
        std::fs::read(&folder).is_ok_and(|record| !record.is_empty())
    })
    .await;
    drop(process);
    let fresh = Process::default();
    let handle = store.adopt(&fresh, "a").await.unwrap().unwrap();
    assert!(matches!(
        store.status(&fresh, &handle).await,
        Ok(Status::Running { .. })
    ));
    std::fs::write(gate, "").unwrap();
    let outcome = store.end(&fresh, &handle).await.outcome;
    assert_eq!(outcome.output(), Some(&json!({"exit_code": 5})));
    assert_eq!(store.adopt(&fresh, "never").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_an_engine_is_known_to_the_next() {
    let store = Store::new();
    let done = store.scratch("done");
    let process = quick();
    let config = shell(&format!("sleep 0.2; touch {}; exit 7", done.display()));
    let handle = store.launch(&process, "a", config).await.unwrap();
    let supervisor = store.supervisor().unwrap();
    drop(process);
    until("the supervisor has left", || !is_alive(supervisor)).await;
    assert!(done.exists());
    let fresh = quick();
    let outcome = store.end(&fresh, &handle).await.outcome;
    assert_eq!(outcome.output(), Some(&json!({"exit_code": 7})));
    // Told from the records: nobody had to be started.
    assert!(!is_alive(store.supervisor().unwrap()));
    assert_eq!(store.adopt(&fresh, "a").await.unwrap(), Some(handle));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_no_supervisor_saw_is_unknown_and_never_success() {
    let store = Store::new();
    let process = Process::default();
    let handle = store
        .launch(&process, "a", shell("sleep 0.3; exit 0"))
        .await
        .unwrap();
    store.kill_supervisor().await;
    assert!(matches!(
        store.status(&process, &handle).await,
        Ok(Status::Running { .. })
    ));
    // A new supervisor takes the command over and sees that it ends, not how.
    let outcome = store.end(&process, &handle).await.outcome;
    assert!(is_unknown(&outcome), "{outcome:?}");
    let gone = store
        .launch(&process, "b", shell("sleep 0.1"))
        .await
        .unwrap();
    store.kill_supervisor().await;
    until("the command is gone", || !is_alive(gone.pid)).await;
    let outcome = store.end(&Process::default(), &gone).await.outcome;
    assert!(is_unknown(&outcome), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_died_while_it_started_a_command_leaves_it_unknown() {
    let (store, process) = (Store::new(), Process::default());
    std::fs::create_dir_all(store.root()).unwrap();
    std::fs::write(store.root().join("a.record"), "").unwrap();
    let launched = store
        .launch(&process, "a", json!({"command": ["true"]}))
        .await;
    // For good: asking again would say the same for ever.
    let for_good = |said: &ExecutorError| {
        let class = ErrorClass::Unknown;
        matches!(said, ExecutorError::Rejected { class: said, .. } if *said == class)
    };
    assert!(launched.as_ref().is_err_and(for_good), "{launched:?}");
    let adopted = store.adopt(&process, "a").await;
    assert!(adopted.as_ref().is_err_and(for_good), "{adopted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_boot_is_lost_and_another_host_is_no_verdict() {
    let (store, process) = (Store::new(), Process::default());
    let handle = store
        .launch(&process, "a", shell("exec sleep 60"))
        .await
        .unwrap();
    store.kill_supervisor().await;
    store::signal(handle.pid, rustix::process::Signal::KILL);
    let path = store.root().join("a.record");
    let record = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, record.replace(&handle.boot_id, "another-boot")).unwrap();
    let status = store.status(&process, &handle).await;
    assert!(matches!(status, Ok(Status::Lost { .. })), "{status:?}");
    let elsewhere = record.replace(&format!("\"{}\"", handle.host), "\"another-host\"");
    std::fs::write(&path, elsewhere).unwrap();
    let status = store.status(&process, &handle).await;
    assert!(
        matches!(&status, Ok(Status::Elsewhere { host }) if host == "another-host"),
        "{status:?}"
    );
    let poll = process
        .poll(
            &store.context,
            std::slice::from_ref(&handle),
            Duration::from_secs(1),
        )
        .await;
    assert!(matches!(poll[0], Ok(Status::Elsewhere { .. })), "{poll:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_many_ends_with_the_first_and_holds_up_no_launch() {
    let (store, process) = (Store::new(), Process::default());
    let slow = store
        .launch(&process, "slow", shell("exec sleep 60"))
        .await
        .unwrap();
    let gate = store.scratch("gate");
    let script = format!("until [ -e {} ]; do sleep 0.01; done", gate.display());
    let quick = store
        .launch(&process, "quick", shell(&script))
        .await
        .unwrap();
    let handles = [slow.clone(), quick];
    let wait = process.poll(&store.context, &handles, Duration::from_secs(50));
    let meanwhile = async {
        let outcome = store
            .outcome(&process, "other", json!({"command": ["true"]}))
            .await;
        std::fs::write(&gate, "").unwrap();
        outcome
    };
    let (found, other) = tokio::join!(wait, meanwhile);
    assert!(matches!(found[0], Ok(Status::Running { .. })));
    assert!(matches!(found[1], Ok(Status::Finished(_))));
    assert!(matches!(other, Outcome::Succeeded { .. }));
    process
        .cancel(&store.context, &slow, Duration::ZERO)
        .await
        .unwrap();
    store.end(&process, &slow).await;
}
