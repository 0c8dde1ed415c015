//! `postgres_step` by a call: the answer is no verdict, the row is.

use std::time::Duration;

use noctule_executor::{AnyExecutor, Attempt, ErrorClass, ExecutorError, Status};
use noctule_executor_testing::attempt;
use noctule_postgres::PostgresStep;
use serde_json::{Value, json};

use crate::service::{Manner, Service, finish};
use crate::world::{World, class, output, until};

async fn world(manner: Manner) -> (World, Service) {
    let world = World::new().await;
    world
        .run(
            "CREATE TABLE variants (id text PRIMARY KEY, status text, step text, attempt_key text)",
        )
        .await;
    // The step before is done: that is not this one's end.
    world
        .run("INSERT INTO variants VALUES ('v1', 'done', 'yolo_detect', 'of the step before')")
        .await;
    let service = Service::start(world.pool.clone(), manner).await;
    (world, service)
}

fn with(service: &Service) -> Value {
    json!({
        "call": { "url": service.url, "json": { "variant": "v1" }, "key_field": "attempt" },
        "watch": { "query": "SELECT * FROM variants WHERE id = $1", "params": ["v1"] },
        "done_when": "status = 'done' AND step = 'planner'",
        "failed_when": "status = 'failed'",
    })
}

fn step(world: &World) -> PostgresStep {
    PostgresStep::new(&world.databases)
}

async fn launch(world: &World, tried: &Attempt<Value>) -> Result<Value, ExecutorError> {
    world.launch_as(&step(world), tried).await
}

async fn adopt(world: &World, tried: &Attempt<Value>) -> Option<Value> {
    let executor = step(world);
    let connection = world.connection();
    let request = AnyExecutor::request(&executor, tried, Some(&connection)).expect("it is good");
    let found = AnyExecutor::adopt(&executor, &world.context(), tried, &request).await;
    found.expect("a look")
}

#[tokio::test]
async fn the_row_is_the_verdict_and_202_is_none() {
    let (world, service) = world(Manner::Accepts).await;
    let tried = attempt("a", with(&service));
    let handle = launch(&world, &tried).await.expect("it starts");
    let answer = world.poll(&step(&world), &handle, Duration::ZERO).await;
    assert!(matches!(answer, Ok(Status::Running { .. })), "{answer:?}");
    finish(&world.pool, "v1", tried.key.as_str()).await;
    assert_eq!(
        output(&world.end(&step(&world), &handle).await)["status"],
        "done"
    );
    assert_eq!((service.calls(), service.keyed()), (1, 1));
}

#[tokio::test]
async fn a_service_that_holds_the_line_is_launched_once_its_row_shows_it() {
    let (world, service) = world(Manner::HoldsTheLine).await;
    let tried = attempt("a", with(&service));
    let handle = launch(&world, &tried).await.expect("the row shows it");
    assert!(matches!(
        world.poll(&step(&world), &handle, Duration::ZERO).await,
        Ok(Status::Running { .. })
    ));
    // The line is still held: only then does this service ever finish.
    service.end_held();
    assert_eq!(
        output(&world.end(&step(&world), &handle).await)["status"],
        "done"
    );
    assert_eq!(service.calls(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_adopted_by_the_row() {
    let (world, service) = world(Manner::HangsUp).await;
    let tried = attempt("a", with(&service));
    match launch(&world, &tried).await {
        Ok(_) | Err(ExecutorError::Unknown { .. }) => {}
        other => panic!("a lost answer became {other:?}"),
    }
    let handle = adopt(&world, &tried)
        .await
        .expect("the row carries the key");
    finish(&world.pool, "v1", tried.key.as_str()).await;
    output(&world.end(&step(&world), &handle).await);
    assert_eq!(service.calls(), 1);
}

#[tokio::test]
async fn the_same_call_is_sent_again_only_when_the_row_never_showed_the_key() {
    let (world, service) = world(Manner::HangsUpAtOnce).await;
    let tried = attempt("a", with(&service));
    let error = launch(&world, &tried).await.expect_err("no answer");
    assert!(matches!(error, ExecutorError::Unknown { .. }), "{error:?}");
    assert_eq!(adopt(&world, &tried).await, None);
    service.behave(Manner::Accepts);
    assert!(launch(&world, &tried).await.is_ok());
    // Now it shows the key: whoever sends again finds it and calls nobody.
    assert!(launch(&world, &tried).await.is_ok());
    assert_eq!((service.calls(), service.keyed()), (2, 2));
}

#[tokio::test]
async fn a_late_done_of_an_attempt_that_timed_out_is_ignored() {
    let (world, service) = world(Manner::Accepts).await;
    let (old, new) = (attempt("a", with(&service)), attempt("a", with(&service)));
    launch(&world, &old).await.expect("it starts");
    let handle = launch(&world, &new).await.expect("it starts");
    // The old attempt's worker writes its own key, late.
    finish(&world.pool, "v1", old.key.as_str()).await;
    assert_eq!(
        world.poll(&step(&world), &handle, Duration::ZERO).await,
        Ok(Status::Launching)
    );
    finish(&world.pool, "v1", new.key.as_str()).await;
    output(&world.end(&step(&world), &handle).await);
}

#[tokio::test]
async fn each_refusal_has_its_class_and_nothing_is_started() {
    let (world, service) = world(Manner::Accepts).await;
    for (status, wanted) in [
        (400, ErrorClass::Config),
        (422, ErrorClass::Config),
        (302, ErrorClass::Config),
        (401, ErrorClass::Permission),
        (404, ErrorClass::NotFound),
    ] {
        service.behave(Manner::Answers(status));
        let error = launch(&world, &attempt("a", with(&service)))
            .await
            .expect_err("refused");
        assert_eq!(class(&error), Some(wanted), "{status}: {error}");
    }
    service.behave(Manner::Answers(429));
    let error = launch(&world, &attempt("a", with(&service)))
        .await
        .expect_err("refused");
    assert!(
        matches!(error, ExecutorError::Throttled { .. }),
        "{error:?}"
    );
    for status in [500, 503, 409] {
        service.behave(Manner::Answers(status));
        let error = launch(&world, &attempt("a", with(&service)))
            .await
            .expect_err("lost");
        assert!(
            matches!(error, ExecutorError::Unknown { .. }),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_work_that_the_row_shows_is_none() {
    let (world, service) = world(Manner::StampsAndAnswers(422)).await;
    let tried = attempt("a", with(&service));
    assert!(launch(&world, &tried).await.is_ok());
}

#[tokio::test]
async fn nobody_is_called_while_the_row_cannot_be_watched() {
    let (world, service) = world(Manner::Accepts).await;
    let mut broken = with(&service);
    broken["done_when"] = json!("no_such_column");
    let error = launch(&world, &attempt("a", broken))
        .await
        .expect_err("refused");
    assert_eq!(class(&error), Some(ErrorClass::Config), "{error}");
    world.road.cut();
    let error = launch(&world, &attempt("a", with(&service)))
        .await
        .expect_err("no road");
    assert!(
        matches!(error, ExecutorError::Unavailable { .. }),
        "{error:?}"
    );
    assert_eq!(service.calls(), 0);
}

#[tokio::test]
async fn a_service_that_is_not_there_was_surely_not_called() {
    let (world, service) = world(Manner::Accepts).await;
    let mut nowhere = with(&service);
    nowhere["call"]["url"] = json!("http://127.0.0.1:1/work");
    let error = launch(&world, &attempt("a", nowhere))
        .await
        .expect_err("nobody");
    assert!(
        matches!(error, ExecutorError::Unavailable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_launch_that_is_given_up_gives_up_its_line() {
    let (world, service) = world(Manner::HoldsTheLine).await;
    let mut unseen = with(&service);
    unseen["watch"]["params"] = json!(["v2"]);
    let tried = attempt("a", unseen);
    let (world, service) = (&world, &service);
    tokio::select! {
        answer = launch(world, &tried) => panic!("{answer:?}"),
        () = until("it is called", async || service.calls() == 1) => {}
    }
    assert_eq!(service.calls(), 1);
}
