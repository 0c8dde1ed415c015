//! A world on disk outlives a process that is killed at the worst moment.

use std::path::Path;
use std::process::{Child, Command};

use serde_json::json;

use noctule_executor_testing::{Effect, Scripted, ScriptedWorld, attempt};

use super::launch;

/// Where the process to be killed finds its world.
const WORLD: &str = "NOCTULE_TESTING_WORLD";

fn start_process(world: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "killed::process_that_launches", "--ignored"])
        .env(WORLD, world)
        .spawn()
        .expect("a process")
}

#[tokio::test]
#[ignore = "started as a process of its own by the test below"]
async fn process_that_launches() {
    let Some(path) = std::env::var_os(WORLD) else {
        return;
    };
    let scripted = Scripted::new(ScriptedWorld::on_disk(path).unwrap());
    let tried = attempt("a", json!({ "hold": true }));
    drop(launch(&scripted, &tried).await);
}

#[tokio::test]
async fn work_of_a_killed_process_is_found_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let world = ScriptedWorld::on_disk(folder.path()).unwrap();
    world.freeze(Some(Effect::Started), 0);
    let mut process = start_process(folder.path());
    world.frozen().await;
    process.kill().unwrap();
    process.wait().unwrap();
    world.thaw();

    let restarted = ScriptedWorld::on_disk(folder.path()).unwrap();
    let work = restarted.launched("a").await;
    assert_eq!(work.pid, process.id());
    let mut again = attempt("a", json!({ "hold": true }));
    again.key = work.key.clone();
    again.sends = 2;
    launch(&Scripted::new(restarted), &again).await.unwrap();

    let lines = std::fs::read_to_string(folder.path().join("launches")).unwrap();
    assert_eq!(lines, format!("{} 1 {}\n", work.key, process.id()));
    assert_eq!(world.ledger().sends.len(), 2);
}

#[tokio::test]
async fn a_damaged_world_alarms_and_gives_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let world = ScriptedWorld::on_disk(folder.path()).unwrap();
    std::fs::write(folder.path().join("world.json"), "half a led").unwrap();
    let answer = launch(&Scripted::new(world), &attempt("a", json!({}))).await;
    assert!(
        matches!(
            answer,
            Err(noctule_executor::ExecutorError::Unavailable { alarm: true, .. })
        ),
        "{answer:?}"
    );
}
