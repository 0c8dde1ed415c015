//! One DAG after another: the run that a task starts, its end, its cancel, and never a second one.

use noctule_core::ask::{Answer, Wish};
use noctule_core::name::RunId;
use noctule_core::run::{AttemptEnd, AttemptState, Run, RunEnding, TaskRun, Trigger};
use noctule_executor::ErrorClass;
use noctule_store::{RunFilter, RunSummary, Store};

use crate::harness::{Stage, ask, ending, until};

const PARENT: &str = r#"
id = "d"
[tasks.start]
executor = "dag"
poll_interval = "5ms"
with = { dag = "child", params = { n = 7 } }
[tasks.after]
executor = "scripted"
wait = "block"
depends_on = ["start"]
success = "output.seen == 3"
with = { output = { seen = "{{ tasks.start.output.outputs.work.rows }}" } }
"#;

const CHILD: &str = r#"
id = "child"
[params.n]
type = "integer"
[tasks.work]
executor = "scripted"
wait = "block"
success = "output.n == 7"
with = { after = "2ms", output = { rows = 3, n = "{{ params.n }}" } }
"#;

const HELD: &str = r#"
id = "child"
[params.n]
type = "integer"
optional = true
[tasks.work]
executor = "scripted"
wait = "block"
with = { hold = true }
[tasks.tidy]
executor = "scripted"
wait = "block"
depends_on = ["work"]
trigger_rule = "all_done"
"#;

async fn children(store: &Store) -> Vec<RunSummary> {
    let filter = RunFilter {
        dag: Some("child".parse().unwrap()),
        ..RunFilter::default()
    };
    store.find_runs(&filter).await.unwrap()
}

async fn child(store: &Store) -> RunId {
    let mut token = store.change_token().await.unwrap();
    loop {
        if let Some(child) = children(store).await.first() {
            return child.facts.id.clone();
        }
        let patience = std::time::Duration::from_secs(5);
        token = store.changed_since(token, patience).await.unwrap();
    }
}

fn failure(task: &TaskRun) -> (ErrorClass, String) {
    match &task.attempts.last().unwrap().state {
        AttemptState::Ended(ended) => match &ended.end {
            AttemptEnd::Failed { class, message, .. } => (*class, message.clone()),
            other => panic!("not failed: {other:?}"),
        },
        other => panic!("not over: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_starts_another_dag_under_its_ingestion_id_and_sees_its_outputs() {
    for wait in ["poll", "block"] {
        let parent = PARENT.replace(
            "executor = \"dag\"",
            &format!("executor = \"dag\"\nwait = \"{wait}\""),
        );
        let stage = Stage::of(&[&parent, CHILD]);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        let run = engine.over(&run).await;
        assert_eq!(ending(&run), Some(RunEnding::Succeeded), "{wait}");
        let children = children(&engine.store).await;
        assert_eq!(children.len(), 1, "{wait}");
        let child = &children[0].facts;
        assert_eq!(child.ingestion_id, run.facts.ingestion_id);
        assert_eq!(child.logical_time, run.facts.logical_time);
        let Trigger::Manual { by } = &child.trigger else {
            panic!("{:?}", child.trigger);
        };
        assert_eq!(by.via, "dag");
        assert_eq!(by.name, format!("{}/start", run.facts.id));
        let output = run.tasks[0].output().unwrap();
        assert_eq!(output["run"], child.id.as_str());
        assert_eq!(output["state"], "succeeded");
        engine.drain().await;
    }
}

/// Runs the pair with one kill at a place; tells whether the kill struck.
async fn with_a_kill(place: usize) -> bool {
    let stage = Stage::of(&[PARENT, CHILD]);
    let mut first = stage.start().await;
    let run = first.trigger().await;
    stage.killer.kill_at(place);
    let store = first.store.clone();
    let struck = tokio::select! {
        _ = until(&store, &run, Run::is_over) => false,
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
    assert_eq!(children(&second.store).await.len(), 1, "killed at {place}");
    assert_eq!(run.tasks[0].attempts.len(), 1, "killed at {place}");
    second.drain().await;
    struck
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_starts_one_child() {
    let mut struck = 0;
    for place in 2.. {
        if !with_a_kill(place).await {
            break;
        }
        struck += 1;
    }
    assert!(struck >= 10, "only {struck} kills struck");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_cancels_the_child_once_and_its_clean_up_runs() {
    for wait in ["poll", "block"] {
        let parent = PARENT.replace(
            "executor = \"dag\"",
            &format!("executor = \"dag\"\nwait = \"{wait}\""),
        );
        let stage = Stage::of(&[&parent, HELD]);
        let engine = stage.start().await;
        let run = engine.trigger().await;
        stage.world.launched("work").await;
        let cancel = Wish::Cancel {
            run: run.clone(),
            reason: None,
        };
        let answer = engine.control.ask(ask(cancel)).await.unwrap();
        assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
        let ended = engine.over(&run).await;
        assert_eq!(ending(&ended), Some(RunEnding::Cancelled), "{wait}");
        let child = engine.over(&child(&engine.store).await).await;
        assert_eq!(ending(&child), Some(RunEnding::Cancelled), "{wait}");
        assert_eq!(child.tasks[1].state.word(), "succeeded", "the clean-up ran");
        let asks = engine.store.recent_asks(100).await.unwrap();
        let cancels = asks.iter().filter(
            |(_, ask, _)| matches!(&ask.wish, Wish::Cancel { run, .. } if *run == child.facts.id),
        );
        assert_eq!(cancels.count(), 1, "{wait}");
        engine.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_failed_fails_the_task_and_names_what_failed_in_it() {
    let failing = CHILD.replace("after = \"2ms\",", "ends = [\"failed\"],");
    let stage = Stage::of(&[PARENT, &failing]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let run = engine.over(&run).await;
    assert_eq!(ending(&run), Some(RunEnding::Failed));
    let (class, message) = failure(&run.tasks[0]);
    assert_eq!(class, ErrorClass::User);
    let child = child(&engine.store).await;
    let expected = format!("run {child} of `child` failed: `work` failed (");
    assert!(message.starts_with(&expected), "{message}");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_somebody_cancelled_is_no_success() {
    let stage = Stage::of(&[PARENT, HELD]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("work").await;
    let cancel = Wish::Cancel {
        run: child(&engine.store).await,
        reason: None,
    };
    engine.control.ask(ask(cancel)).await.unwrap();
    let run = engine.over(&run).await;
    assert_eq!(ending(&run), Some(RunEnding::Failed));
    assert_eq!(run.tasks[0].state.word(), "cancelled");
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_that_is_not_there_is_said_at_once_and_wrong_params_as_soon_as_they_are_refused() {
    let unknown = PARENT.replace("\"child\"", "\"nobody\"");
    let stage = Stage::of(&[&unknown, CHILD]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let run = engine.over(&run).await;
    let (class, message) = failure(&run.tasks[0]);
    assert_eq!(
        (class, message.as_str()),
        (
            ErrorClass::NotFound,
            "no run of `nobody` was made: there is no DAG `nobody`"
        )
    );
    engine.drain().await;
    let wrong = PARENT.replace("n = 7", "n = \"seven\"");
    let stage = Stage::of(&[&wrong, CHILD]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let run = engine.over(&run).await;
    let (class, message) = failure(&run.tasks[0]);
    assert_eq!(class, ErrorClass::Config);
    assert!(
        message.starts_with("no run of `child` was made: "),
        "{message}"
    );
    assert!(children(&engine.store).await.is_empty());
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_waits_for_its_own_max_active_runs_and_the_task_with_it() {
    let stage = Stage::of(&[PARENT, HELD]);
    let engine = stage.start().await;
    let earlier = crate::harness::trigger_of("child", None);
    let Answer::Done {
        run: Some(earlier), ..
    } = engine.control.ask(earlier).await.unwrap()
    else {
        panic!("not triggered");
    };
    stage.world.launched("work").await;
    let run = engine.trigger().await;
    let waits = |run: &Run| matches!(run.tasks[0].live().map(|a| &a.state), Some(AttemptState::Running(work)) if work.started_at.is_none() && work.handle.public["run"].is_string());
    engine.until(&run, waits).await;
    stage.world.succeed("work");
    engine.over(&earlier).await;
    stage
        .world
        .until(|ledger| {
            (ledger
                .works
                .iter()
                .filter(|work| work.task == "work")
                .count()
                == 2)
                .then_some(())
        })
        .await;
    stage.world.succeed("work");
    engine
        .until(&run, |run| run.tasks[0].output().is_some())
        .await;
    engine.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_templates_made_endless_ends_after_sixteen() {
    let stage = Stage::new(
        r#"
id = "d"
max_active_runs = 100
[params.next]
type = "string"
default = "d"
[tasks.again]
executor = "dag"
poll_interval = "5ms"
with = { dag = "{{ params.next }}" }
"#,
    );
    let engine = stage.start().await;
    let run = engine.trigger().await;
    let run = engine.over(&run).await;
    assert_eq!(ending(&run), Some(RunEnding::Failed));
    let filter = RunFilter::default();
    let runs = engine.store.find_runs(&filter).await.unwrap();
    assert_eq!(runs.len(), 16);
    let last = engine.store.run(&runs[0].facts.id).await.unwrap().unwrap();
    let (class, message) = failure(&last.tasks[0]);
    assert_eq!(class, ErrorClass::Config);
    assert!(
        message.starts_with("16 DAGs have started each other"),
        "{message}"
    );
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_is_asked_for_again_does_not_end_the_clean_up_of_the_child() {
    let held = HELD.replace(
        "trigger_rule = \"all_done\"",
        "trigger_rule = \"all_done\"\nwith = { hold = true }",
    );
    let stage = Stage::of(&[PARENT, &held]);
    let engine = stage.start().await;
    let run = engine.trigger().await;
    stage.world.launched("work").await;
    let known = |run: &Run| {
        matches!(
            run.tasks[0].live().map(|a| &a.state),
            Some(AttemptState::Running(_))
        )
    };
    let seen = engine.until(&run, known).await;
    let Some(AttemptState::Running(work)) = seen.tasks[0].live().map(|a| &a.state) else {
        panic!("it is not at work");
    };
    let registry = stage.surroundings(&engine.store).desk.registry.clone();
    let executor = registry.get("dag").unwrap();
    let context = noctule_executor_testing::context(None);
    let grace = std::time::Duration::ZERO;
    for _ in 0..3 {
        executor
            .cancel(&context, &work.handle.raw, grace)
            .await
            .unwrap();
    }
    stage.world.launched("tidy").await;
    for _ in 0..3 {
        executor
            .cancel(&context, &work.handle.raw, grace)
            .await
            .unwrap();
    }
    let asks = engine.store.recent_asks(100).await.unwrap();
    let cancels = asks
        .iter()
        .filter(|(_, ask, _)| matches!(ask.wish, Wish::Cancel { .. }));
    assert_eq!(cancels.count(), 1);
    engine.kill().await;
}
