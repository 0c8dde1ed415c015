//! Waiting for a run of another DAG: until it is so, or until it is known that it will not be.

use noctule_core::ask::{Answer, TriggerWish, Wish};
use noctule_core::name::RunId;
use noctule_core::run::{AttemptEnd, AttemptState, Run, RunEnding};
use noctule_executor::ErrorClass;

use crate::harness::{Running, Stage, ask, ending};

const ID: &str = "20260113120000";

fn sensor(with: &str) -> String {
    format!(
        "id = \"d\"\n[tasks.wait]\nexecutor = \"dag_sensor\"\npoll_interval = \"5ms\"\nwith = {{ dag = \"other\", ingestion_id = \"{ID}\"{with} }}\n"
    )
}

const OTHER: &str = r#"
id = "other"
[tasks.work]
executor = "scripted"
wait = "block"
with = { hold = true, output = { rows = 3 } }
[tasks.late]
executor = "scripted"
wait = "block"
depends_on = ["work"]
with = { hold = true }
"#;

const NIGHTLY: &str = r#"
id = "other"
[schedule]
cron = "0 21 * * *"
timezone = "Asia/Seoul"
[tasks.work]
executor = "scripted"
"#;

async fn start_other(engine: &Running) -> RunId {
    let wish = TriggerWish {
        dag: "other".parse().unwrap(),
        version: None,
        params: serde_json::Map::new(),
        ingestion_id: Some(ID.to_owned()),
        logical_time: chrono::Utc::now(),
        idempotency_key: None,
        callback_url: None,
    };
    match engine.control.ask(ask(Wish::Trigger(wish))).await.unwrap() {
        Answer::Done { run: Some(run), .. } => run,
        other => panic!("not triggered: {other:?}"),
    }
}

fn failure(run: &Run) -> (ErrorClass, String) {
    match &run.tasks[0].attempts.last().unwrap().state {
        AttemptState::Ended(ended) => match &ended.end {
            AttemptEnd::Failed { class, message, .. } => (*class, message.clone()),
            other => panic!("not failed: {other:?}"),
        },
        other => panic!("not over: {other:?}"),
    }
}

async fn waits(engine: &Running, run: &RunId) {
    let polled = |run: &Run| {
        matches!(
            run.tasks[0].live().map(|a| &a.state),
            Some(AttemptState::Running(_))
        )
    };
    engine.until(run, polled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sensor_waits_for_the_run_and_for_its_success() {
    for wait in ["poll", "block"] {
        let sensor = sensor("").replace(
            "poll_interval",
            &format!("wait = \"{wait}\"\npoll_interval"),
        );
        let stage = Stage::of(&[&sensor, OTHER]);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        waits(&engine, &run).await;
        let other = start_other(&engine).await;
        for task in ["work", "late"] {
            stage.world.launched(task).await;
            let seen = engine.until(&run, |_| true).await;
            assert!(!seen.is_over(), "{wait}: before `{task}` has ended");
            stage.world.succeed(task);
        }
        let run = engine.over(&run).await;
        assert_eq!(ending(&run), Some(RunEnding::Succeeded), "{wait}");
        assert_eq!(run.tasks[0].output().unwrap()["run"], other.as_str());
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sensor_of_a_task_does_not_wait_for_the_rest_and_gives_its_output() {
    let stage = Stage::of(&[&sensor(", task = \"work\""), OTHER]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    start_other(&engine).await;
    stage.world.launched("work").await;
    stage.world.succeed("work");
    let run = engine.over(&run).await;
    assert_eq!(ending(&run), Some(RunEnding::Succeeded));
    let output = run.tasks[0].output().unwrap();
    assert_eq!(
        (&output["task"], &output["state"]),
        (&"work".into(), &"succeeded".into())
    );
    assert_eq!(output["output"]["rows"], 3);
    engine.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ended_otherwise_is_said_at_once() {
    let mut stage = Stage::of(&[&sensor(""), OTHER]);
    let engine = stage.start().await;
    let other = start_other(&engine).await;
    stage.world.launched("work").await;
    let cancel = Wish::Cancel {
        run: other.clone(),
        reason: None,
    };
    engine.control.ask(ask(cancel)).await.unwrap();
    engine.over(&other).await;
    let run = engine.trigger().await;
    let (class, message) = failure(&engine.over(&run).await);
    assert_eq!(class, ErrorClass::User);
    assert_eq!(
        message,
        format!("the run of `other` with ingestion id {ID} is cancelled")
    );
    engine.drain().await;
    let either = sensor(", states = [\"succeeded\", \"cancelled\"]");
    stage.dags = stage.read_all(&[&either, OTHER]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    assert_eq!(ending(&engine.over(&run).await), Some(RunEnding::Succeeded));
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_come_is_said_at_once() {
    let never = sensor("").replace(ID, "20260113130000");
    for (text, other, expected) in [
        (
            sensor("").replace("other", "nobody"),
            OTHER,
            "none will come: there is no such DAG",
        ),
        (
            sensor(""),
            NIGHTLY,
            "none will come: its tick at 2026-01-13T12:00:00Z was decided without a run",
        ),
        (
            never,
            NIGHTLY,
            "none will come: no tick of its schedule has that ingestion id",
        ),
    ] {
        let stage = Stage::of(&[&text, other]);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        let (class, message) = failure(&engine.over(&run).await);
        assert_eq!(class, ErrorClass::NotFound, "{message}");
        assert!(message.contains(expected), "{message}");
        assert_eq!(
            message.contains("the next would be "),
            other == NIGHTLY,
            "{message}"
        );
        engine.drain().await;
    }
}
