//! An engine killed before or after every commit: the end is the same, and each attempt was launched once.

use noctule_core::run::{Run, RunEnding, TaskRunIx};
use noctule_executor::Recovery;

use crate::harness::{Stage, ending, search, until};

const CHAIN: &str = r#"
id = "d"
[defaults]
executor = "scripted"
wait = "block"
[tasks.a]
with = { after = "2ms" }
[tasks.b]
depends_on = ["a"]
wait = "poll"
poll_interval = "5ms"
with = { after = "2ms" }
[tasks.c]
depends_on = ["b"]
with = { after = "2ms" }
[tasks.d]
depends_on = ["c"]
with = { after = "2ms", launch = ["lost_answer"] }
[tasks.e]
depends_on = ["d"]
with = { after = "2ms" }
"#;

/// Runs the chain with one kill at a place; tells whether the kill struck.
async fn run_with_a_kill(chain: &str, recovery: Recovery, place: usize) -> bool {
    let stage = Stage::new(chain).recovery(recovery);
    let mut first = stage.start().await;
    let run = first.trigger().await;
    stage.killer.kill_at(place);
    let store = first.store.clone();
    let struck = tokio::select! {
        _ = until(&store, &run, Run::is_over) => false,
        // The engine dies at the place: nothing is told to anybody.
        _ = &mut first.task => true,
    };
    stage.killer.kill_at(0);
    first.task.abort();
    drop((first, store));
    let second = stage.start().await;
    let run = second.over(&run).await;
    assert_eq!(
        ending(&run),
        Some(RunEnding::Succeeded),
        "killed at {place}"
    );
    stage.world.look(|ledger| {
        assert_eq!(
            ledger.double_launches(),
            Vec::<&str>::new(),
            "killed at {place}"
        );
        assert_eq!(ledger.works.len(), 5, "killed at {place}");
    });
    assert!(
        (0..5)
            .map(TaskRunIx)
            .all(|ix| run.tasks[ix.index()].attempts.len() == 1),
        "killed at {place}"
    );
    second.drain().await;
    struck
}

async fn kill_everywhere(chain: &str, recovery: Recovery) {
    let mut struck = 0;
    for place in 2.. {
        if !run_with_a_kill(chain, recovery.clone(), place).await {
            break;
        }
        struck += 1;
    }
    assert!(struck >= 18, "only {struck} kills struck");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_launches_each_attempt_once_where_work_is_searched_for() {
    kill_everywhere(CHAIN, search()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_launches_each_attempt_once_where_a_launch_is_idempotent_by_key() {
    // A lost answer is left out: its resend waits a second, and forty of those tell nothing more.
    kill_everywhere(
        &CHAIN.replace(", launch = [\"lost_answer\"]", ""),
        Recovery::Resend,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_a_request_is_under_way_leads_to_one_piece_of_work() {
    let stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { hold = true }\n",
    );
    stage
        .world
        .freeze(Some(noctule_executor_testing::Effect::Launch), 0);
    let first = stage.start().await;
    let run = first.trigger().await;
    stage.world.frozen().await;
    first.kill().await;
    stage.world.thaw();
    let second = stage.start().await;
    stage.world.launched("t").await;
    stage.world.succeed("t");
    assert_eq!(ending(&second.over(&run).await), Some(RunEnding::Succeeded));
    stage.world.look(|ledger| assert_eq!(ledger.works.len(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_launches_nothing_and_the_run_goes_on_when_there_is_space_again() {
    let stage = Stage::new(CHAIN);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.killer.fill_disk(2);
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    stage.world.look(|ledger| {
        assert_eq!(ledger.double_launches(), Vec::<&str>::new());
        assert_eq!(ledger.works.len(), 5);
    });
    engine.drain().await;
}
