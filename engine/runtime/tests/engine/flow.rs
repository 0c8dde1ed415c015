//! The ordinary course: waits, slots, cancel, retry, drain, take-over.

use noctule_core::ask::{Answer, Wish};
use noctule_core::run::{Fact, Phase, RunEnding, TaskState};
use noctule_executor_testing::Effect;

use crate::harness::{Stage, ask, ending};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_flow_into_what_follows_and_expressions_judge_them() {
    let stage = Stage::new(
        r#"
id = "d"
[defaults]
executor = "scripted"
wait = "block"
[tasks.a]
with = { output = { rows = 3 } }
[tasks.b]
depends_on = ["a"]
when = "tasks.a.output.rows > 2"
success = "output.seen == 3"
with = { output = { seen = "{{ tasks.a.output.rows }}" } }
[tasks.c]
depends_on = ["a"]
when = "tasks.a.output.rows > 5"
with = {}
"#,
    );
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let run = engine.over(&run).await;
    assert_eq!(ending(&run), Some(RunEnding::Succeeded));
    assert_eq!(run.tasks[1].output().unwrap()["seen"], 3);
    assert_eq!(run.tasks[2].state.word(), "skipped");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poll_waits_hold_no_slot_and_are_asked_in_one_call() {
    let tasks: String = (0..20)
        .map(|i| format!("[tasks.t{i}]\nwith = {{ hold = true }}\n"))
        .collect();
    let head = "id = \"d\"\n[defaults]\nexecutor = \"scripted\"\nwait = \"poll\"\npoll_interval = \"50ms\"\n";
    let mut stage = Stage::new(&format!("{head}{tasks}"));
    stage.slots = 1;
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 20).then_some(()))
        .await;
    stage.world.reached(Effect::Poll, 3).await;
    for i in 0..20 {
        stage.world.succeed(&format!("t{i}"));
    }
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_stops_the_work_and_says_cancelled_only_when_it_has_ended() {
    let stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { hold = true }\n",
    );
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("t").await;
    let answer = engine
        .control
        .ask(ask(Wish::Cancel {
            run: run.clone(),
            reason: None,
        }))
        .await
        .unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    let ended = engine.over(&run).await;
    assert_eq!(ending(&ended), Some(RunEnding::Cancelled));
    stage
        .world
        .look(|ledger| assert_eq!(ledger.count(Effect::Cancel), 1));
    let again = engine
        .control
        .ask(ask(Wish::Cancel { run, reason: None }))
        .await
        .unwrap();
    assert!(matches!(again, Answer::Refused { .. }), "{again:?}");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_cannot_be_stopped_is_still_seen_to_end_by_itself() {
    for wait in ["block", "poll"] {
        let stage = Stage::new(&format!(
            "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"{wait}\"\nwith = {{ hold = true, cancel = \"unavailable\" }}\n"
        ));
        let engine = stage.start().await;
        let run = engine.trigger().await;
        stage.world.launched("t").await;
        let reason = None;
        let wish = Wish::Cancel {
            run: run.clone(),
            reason,
        };
        engine.control.ask(ask(wish)).await.unwrap();
        stage.world.reached(Effect::Cancel, 1).await;
        stage.world.succeed("t");
        let ended = engine.over(&run).await;
        let word = ended.tasks[0].attempts[0].state.word();
        assert_eq!(word, "succeeded", "{wait}: the truth is recorded");
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_an_ended_run_goes_on_under_the_same_ids() {
    let stage = Stage::new(
        "id = \"d\"\n[defaults]\nwait = \"block\"\n[tasks.a]\nexecutor = \"scripted\"\n[tasks.b]\nexecutor = \"scripted\"\ndepends_on = [\"a\"]\n\
         with = { ends = [\"failed\", \"succeeded\"] }\n",
    );
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let failed = engine.over(&run).await;
    assert_eq!(ending(&failed), Some(RunEnding::Failed));
    let wish = Wish::Retry {
        run: run.clone(),
        tasks: vec![],
        downstream: false,
        all: false,
        reason: None,
        definition: noctule_core::ask::Take::Pinned,
    };
    let answer = engine.control.ask(ask(wish)).await.unwrap();
    assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
    let run = engine
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(ending(&run), Some(RunEnding::Succeeded));
    assert_eq!(run.facts, failed.facts);
    assert_eq!(run.tasks[0].attempts.len(), 1);
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_engine_leaves_remote_work_running_and_the_next_one_sees_its_end() {
    let stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { hold = true }\n",
    );
    let first = stage.start().await;
    let run = first.trigger().await;
    first.until(&run, |run| matches!(run.tasks[0].attempts.first(), Some(attempt) if attempt.state.word() == "running")).await;
    first.drain().await;
    stage.world.succeed("t");
    let second = stage.start().await;
    assert_eq!(ending(&second.over(&run).await), Some(RunEnding::Succeeded));
    assert!(
        !second
            .facts(&run)
            .await
            .iter()
            .any(|fact| matches!(fact, Fact::Searching { .. }))
    );
    stage.world.look(|ledger| assert_eq!(ledger.works.len(), 1));
    second.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_beyond_max_active_runs_queue_and_begin_in_order() {
    let stage = Stage::new(
        "id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nwith = { hold = true }\n",
    );
    let engine = stage.start().await;
    let (first, second) = (engine.trigger().await, engine.trigger().await);
    stage.world.launched("t").await;
    let queued = engine.until(&second, |_| true).await;
    assert!(matches!(queued.phase, Phase::Queued { .. }));
    assert!(matches!(queued.tasks[0].state, TaskState::Waiting));
    stage.world.succeed("t");
    engine.over(&first).await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 2).then_some(()))
        .await;
    stage.world.succeed("t");
    assert_eq!(
        ending(&engine.over(&second).await),
        Some(RunEnding::Succeeded)
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_may_forget_the_work_once_its_end_is_durable() {
    let stage = Stage::new("id = \"d\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n");
    let engine = stage.start().await;
    let run = engine.trigger().await;
    engine.over(&run).await;
    stage.world.reached(Effect::Release, 1).await;
    engine.drain().await;
}
