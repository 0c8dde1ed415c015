//! Who listens hears where the news of each run begins: after what its journal had before, whatever clocks said then.

use noctule_core::name::RunId;
use noctule_core::run::RunEnding;
use noctule_runtime::Changed;

use crate::harness::{Running, Stage, ending};

const HELD: &str = r#"
id = "d"
[tasks.t]
executor = "scripted"
wait = "block"
with = { hold = true }
"#;

async fn entries(engine: &Running, run: &RunId) -> u64 {
    let journal = engine.store.records(run, 0, 10_000).await.unwrap();
    u64::try_from(journal.len()).unwrap()
}

/// Where the next news of a run begins.
async fn begins(changed: &mut Changed, run: &RunId) -> u64 {
    loop {
        let changes = changed.next().await.unwrap();
        if let Some(after) = changes.runs.get(run) {
            return *after;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_begins_after_what_a_journal_had_and_with_the_first_entry_of_a_new_run() {
    let stage = Stage::new(HELD);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("t").await;
    // Its handle is durable: nothing more comes by itself.
    engine
        .until(&run, |run| {
            let live = run.tasks[0].live();
            live.is_some_and(|attempt| attempt.state.word() == "running")
        })
        .await;
    let before = entries(&engine, &run).await;
    assert!(before > 0);
    let mut changed = engine.control.changed().unwrap();
    stage.world.succeed("t");
    assert_eq!(begins(&mut changed, &run).await, before);
    let over = engine.over(&run).await;
    assert_eq!(ending(&over), Some(RunEnding::Succeeded));
    // What was written while nobody listened is not told.
    drop(changed);
    let second = engine.trigger().await;
    let mut changed = engine.control.changed().unwrap();
    let third = engine.trigger().await;
    assert_eq!(begins(&mut changed, &third).await, 0);
    assert_ne!(second, third);
    engine.kill().await;
}
