//! The scripted world as engine tests use it: scripts, hands on the world, stopped engines, killed processes.

mod killed;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use noctule_executor::{
    AnyExecutor, Attempt, Context, ErrorClass, ExecutorError, Outcome, Recovery, Status,
};
use noctule_executor_testing::{
    Effect, LaunchStep, Script, Scripted, ScriptedWorld, attempt, context,
};

async fn launch(executor: &Scripted, attempt: &Attempt<Value>) -> Result<Value, ExecutorError> {
    let request = AnyExecutor::request(executor, attempt, None).expect("a good script");
    AnyExecutor::launch(executor, &context(None), attempt, &request).await
}

async fn adopt(
    executor: &Scripted,
    attempt: &Attempt<Value>,
) -> Result<Option<Value>, ExecutorError> {
    let request = AnyExecutor::request(executor, attempt, None).expect("a good script");
    AnyExecutor::adopt(executor, &context(None), attempt, &request).await
}

async fn poll(
    executor: &Scripted,
    handle: &Value,
    patience: Duration,
) -> Result<Status, ExecutorError> {
    let handles = [handle.clone()];
    AnyExecutor::poll(executor, &context(None), &handles, patience)
        .await
        .remove(0)
}

fn is_success(answer: &Result<Status, ExecutorError>) -> bool {
    matches!(answer, Ok(Status::Finished(end)) if matches!(end.outcome, Outcome::Succeeded { .. }))
}

#[tokio::test(start_paused = true)]
async fn work_ends_when_its_script_says() {
    let scripted = Scripted::new(ScriptedWorld::new());
    let handle = launch(&scripted, &attempt("a", json!({ "after": "1h" })))
        .await
        .unwrap();
    let early = poll(&scripted, &handle, Duration::from_mins(59)).await;
    assert!(matches!(early, Ok(Status::Running { .. })), "{early:?}");
    assert!(is_success(
        &poll(&scripted, &handle, Duration::from_mins(5)).await
    ));
}

#[tokio::test(start_paused = true)]
async fn launches_are_answered_in_the_order_of_the_script() {
    let world = ScriptedWorld::new();
    let scripted = Scripted::new(Arc::clone(&world));
    let script = json!({ "launch":
        ["unavailable", "throttled:2s", "rejected:permission", "unknown_not_started", "lost_answer"] });
    let mut tried = attempt("a", script);
    let mut answers = Vec::new();
    for sends in 1..=6 {
        tried.sends = sends;
        answers.push(launch(&scripted, &tried).await);
    }
    assert!(matches!(
        answers[0],
        Err(ExecutorError::Unavailable { alarm: false, .. })
    ));
    assert!(
        matches!(answers[1], Err(ExecutorError::Throttled { retry_after, .. }) if retry_after == Some(Duration::from_secs(2)))
    );
    assert!(matches!(
        answers[2],
        Err(ExecutorError::Rejected {
            class: ErrorClass::Permission,
            ..
        })
    ));
    assert!(matches!(answers[3], Err(ExecutorError::Unknown { .. })));
    assert!(matches!(answers[4], Err(ExecutorError::Unknown { .. })));
    assert!(answers[5].is_ok());
    world.look(|ledger| {
        assert_eq!(ledger.sends.len(), 6);
        assert_eq!(ledger.works.len(), 1, "only `lost_answer` started work");
    });
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_shows_work_later() {
    let recovery = Recovery::Search { after: Vec::new() };
    let scripted = Scripted::new(ScriptedWorld::new()).recovery(recovery);
    let tried = attempt(
        "a",
        json!({ "visible_after": "20s", "launch": ["lost_answer"] }),
    );
    assert!(launch(&scripted, &tried).await.is_err());
    assert_eq!(adopt(&scripted, &tried).await, Ok(None));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(matches!(adopt(&scripted, &tried).await, Ok(Some(_))));
}

#[tokio::test(start_paused = true)]
async fn a_resend_before_the_search_is_over_shows_as_a_double_launch() {
    let world = ScriptedWorld::new();
    let recovery = Recovery::Search { after: Vec::new() };
    let scripted = Scripted::new(Arc::clone(&world)).recovery(recovery);
    let tried = attempt(
        "a",
        json!({ "visible_after": "20s", "launch": ["lost_answer"] }),
    );
    drop(launch(&scripted, &tried).await);
    launch(&scripted, &tried).await.unwrap();
    world.look(|ledger| assert_eq!(ledger.double_launches(), [tried.key.as_str()]));
}

#[tokio::test(start_paused = true)]
async fn a_test_ends_held_work_by_hand() {
    let world = ScriptedWorld::new();
    let scripted = Scripted::new(Arc::clone(&world));
    world.hold("a");
    let handle = launch(&scripted, &attempt("a", json!({}))).await.unwrap();
    let other = Scripted::new(Arc::clone(&world));
    let waiting = tokio::spawn(async move { poll(&other, &handle, Duration::from_hours(1)).await });
    world.reached(Effect::Poll, 1).await;
    let lost = Outcome::failed(ErrorClass::Infrastructure, "spot loss", None);
    assert_eq!(world.finish("a", &lost), 1);
    let answer = waiting.await.unwrap();
    assert!(matches!(answer, Ok(Status::Finished(end)) if end.outcome == lost));
}

#[tokio::test(start_paused = true)]
async fn cancel_and_success_race_to_one_end() {
    let scripted = Scripted::new(ScriptedWorld::new());
    let with = json!({ "hold": true, "cancel": ["unavailable", "already_succeeded", "ok"] });
    let handle = launch(&scripted, &attempt("a", with)).await.unwrap();
    let grace = Duration::from_secs(1);
    let context: Context = context(None);
    let cancel = || AnyExecutor::cancel(&scripted, &context, &handle, grace);
    assert!(cancel().await.is_err());
    cancel().await.unwrap();
    cancel().await.unwrap();
    assert!(is_success(&poll(&scripted, &handle, Duration::ZERO).await));
}

#[tokio::test(start_paused = true)]
async fn an_engine_can_be_stopped_between_the_work_and_its_answer() {
    let world = ScriptedWorld::new();
    let tried = attempt("a", json!({ "after": "5s" }));
    world.freeze(Some(Effect::Started), 0);
    let engine = tokio::spawn({
        let (scripted, tried): (Scripted, _) = (Scripted::new(Arc::clone(&world)), tried.clone());
        async move { launch(&scripted, &tried).await }
    });
    world.frozen().await;
    assert_eq!(world.launched("a").await.key, tried.key);
    engine.abort();
    assert!(engine.await.is_err());
    world.thaw();

    let next = Scripted::new(Arc::clone(&world));
    let handle = launch(&next, &tried).await.unwrap();
    assert!(is_success(
        &poll(&next, &handle, Duration::from_secs(9)).await
    ));
    world.look(|ledger| assert!(ledger.double_launches().is_empty()));
}

#[tokio::test(start_paused = true)]
async fn behind_a_shut_gate_nothing_passes() {
    let world = ScriptedWorld::new();
    world.freeze(None, 1);
    let scripted = Scripted::new(Arc::clone(&world));
    let first = tokio::spawn({
        let scripted = scripted.clone();
        async move { launch(&scripted, &attempt("a", json!({}))).await }
    });
    world.frozen().await;
    let waiting = attempt("b", json!({}));
    let second = launch(&scripted, &waiting);
    let second = tokio::time::timeout(Duration::from_secs(1), second).await;
    assert!(second.is_err(), "`b` waits as well");
    assert!(world.look(|ledger| ledger.latest("b").is_none()));
    world.thaw();
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_test_overrides_scripts_and_answers() {
    let world = ScriptedWorld::new();
    let scripted = Scripted::new(Arc::clone(&world));
    world.script("a", &Script::read(json!({ "ends": "failed" })).unwrap());
    let handle = launch(&scripted, &attempt("a", json!({}))).await.unwrap();
    let answer = poll(&scripted, &handle, Duration::ZERO).await;
    assert!(
        matches!(answer, Ok(Status::Finished(end)) if matches!(end.outcome, Outcome::Failed { .. }))
    );
    world.on_launch(|sent| (sent.task == "b").then_some(LaunchStep::UnknownNotStarted));
    assert!(launch(&scripted, &attempt("b", json!({}))).await.is_err());
    assert!(launch(&scripted, &attempt("c", json!({}))).await.is_ok());
    world.forget("c");
}

#[tokio::test(start_paused = true)]
async fn attached_work_keeps_its_caller_on_the_line() {
    let scripted = Scripted::new(ScriptedWorld::new());
    let tried = attempt("a", json!({ "attached": true, "after": "10s" }));
    let begun = tokio::time::Instant::now();
    let handle = launch(&scripted, &tried).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(is_success(&poll(&scripted, &handle, Duration::ZERO).await));
    assert_eq!(adopt(&scripted, &tried).await, Ok(None));
}
