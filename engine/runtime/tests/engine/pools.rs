//! Pools as the engine counts them: over poll waits, over a restart, by the size that the project gives now.

use noctule_core::ask::Answer;
use noctule_core::run::{RunEnding, TaskState};
use noctule_runtime::Publication;

use crate::harness::{Stage, ending, trigger_of};

const TWO: &str = r#"
id = "d"
[defaults]
executor = "scripted"
wait = "poll"
poll_interval = "20ms"
pool = "gpu"
[tasks.a]
with = { hold = true }
[tasks.b]
with = { hold = true }
[tasks.free]
pool = "default"
with = {}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_one_holds_one_poll_wait_over_a_restart_too() {
    let stage = Stage::new(TWO);
    let first = stage.start().await;
    let run = first.trigger().await;
    let until_alone = |run: &noctule_core::run::Run| {
        matches!(run.tasks[0].attempts.first(), Some(attempt) if attempt.state.word() == "running")
            && run.tasks[2].output().is_some()
    };
    let seen = first.until(&run, until_alone).await;
    assert!(matches!(seen.tasks[1].state, TaskState::Ready { .. }));
    first.kill().await;
    let second = stage.start().await;
    stage.world.launched("a").await;
    stage
        .world
        .look(|ledger| assert_eq!(ledger.works.len(), 2, "`b` is not begun beside `a`"));
    stage.world.succeed("a");
    stage.world.launched("b").await;
    stage.world.succeed("b");
    assert_eq!(ending(&second.over(&run).await), Some(RunEnding::Succeeded));
    second.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_the_project_makes_larger_lets_the_next_in_without_a_restart() {
    let mut stage = Stage::new(TWO);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("a").await;
    stage.pools.insert("gpu".to_owned(), 2);
    let larger = stage.surroundings(&engine.store);
    let publication = Publication {
        dags: stage.read(TWO),
        ..Publication::default()
    };
    engine
        .control
        .publish(publication, Some(larger))
        .expect("the engine lives");
    stage.world.launched("b").await;
    stage.world.succeed("a");
    stage.world.succeed("b");
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_for_one_dag_counts_what_the_runs_of_others_hold() {
    let other = "id = \"other\"\n[tasks.c]\nexecutor = \"scripted\"\npool = \"gpu\"\n[tasks.plain]\nexecutor = \"scripted\"\n";
    let stage = Stage::of(&[TWO, other]);
    let first = stage.start().await;
    first.trigger().await;
    stage.world.launched("a").await;
    first.kill().await;
    let only = |options: &mut noctule_runtime::EngineOptions| {
        options.only = Some("other".parse().unwrap());
    };
    let second = stage.start_with(only).await;
    let answer = second.control.ask(trigger_of("other", None)).await.unwrap();
    let Answer::Done { run: Some(run), .. } = answer else {
        panic!("not triggered: {answer:?}");
    };
    let seen = second
        .until(&run, |run| run.tasks[1].output().is_some())
        .await;
    assert!(matches!(seen.tasks[0].state, TaskState::Ready { .. }));
    second.kill().await;
}
