//! Client tokens: one start for each, whatever is asked how often.

use std::time::Duration;

use noctule_ecs_simulator::{Action, Fault};
use serde_json::json;

use crate::client::{call, held, post, refused, run, run_with};

#[tokio::test]
async fn the_same_token_with_the_same_request_starts_one_task_and_answers_the_same() {
    let sim = held().await;
    let request = run_with(json!({"clientToken": "t-1", "startedBy": "a/b"}));
    let first = call(&sim, Action::RunTask, request.clone()).await;
    let second = call(&sim, Action::RunTask, request).await;
    assert_eq!(first, second);
    assert_eq!((sim.tasks().len(), sim.calls(Action::RunTask)), (1, 2));
    assert_eq!(sim.ledger(), [("a/b".to_owned(), 1)].into());
}

#[tokio::test]
async fn requests_without_a_token_start_a_task_each() {
    let sim = held().await;
    for _ in 0..2 {
        run(&sim, json!({"startedBy": "a"})).await;
    }
    assert_eq!(sim.ledger(), [("a".to_owned(), 2)].into());
}

#[tokio::test]
async fn the_same_token_with_another_request_is_a_conflict_that_names_the_task() {
    let sim = held().await;
    let arn = run(&sim, json!({"clientToken": "t-1"})).await;
    let other = run_with(json!({"clientToken": "t-1", "startedBy": "b"}));
    let (status, answer) = post(&sim, Action::RunTask, other).await;
    assert_eq!(
        (status, &answer["__type"], &answer["resourceIds"]),
        (400, &json!("ConflictException"), &json!([arn]))
    );
    assert_eq!(sim.tasks().len(), 1);
}

#[tokio::test]
async fn a_token_belongs_to_its_cluster() {
    let sim = held().await;
    for cluster in ["one", "two"] {
        run(&sim, json!({"clientToken": "t", "cluster": cluster})).await;
    }
    assert_eq!(sim.tasks().len(), 2);
}

#[tokio::test]
async fn a_token_is_forgotten_after_a_day() {
    let sim = held().await;
    let request = json!({"clientToken": "t"});
    let first = run(&sim, request.clone()).await;
    sim.advance(Duration::from_secs(24 * 3600 - 60));
    assert_eq!(run(&sim, request.clone()).await, first);
    sim.advance(Duration::from_secs(60));
    assert_ne!(run(&sim, request).await, first);
    assert_eq!(sim.ledger()["t"], 2);
}

#[tokio::test]
async fn a_refused_or_failed_request_does_not_spend_its_token() {
    let sim = held().await;
    let token = json!({"clientToken": "t"});
    let unknown = run_with(json!({"clientToken": "t", "taskDefinition": "nothing"}));
    assert_eq!(
        refused(&sim, Action::RunTask, unknown).await,
        "ClientException"
    );
    sim.order(Fault::failures("RESOURCE:MEMORY"));
    let failed = call(&sim, Action::RunTask, run_with(token.clone())).await;
    assert_eq!(failed["tasks"], json!([]));
    assert_eq!(failed["failures"][0]["reason"], "RESOURCE:MEMORY");
    run(&sim, token).await;
    assert_eq!(sim.tasks().len(), 1);
}

#[tokio::test]
async fn the_key_of_an_attempt_is_the_one_in_the_environment() {
    let sim = held().await;
    let env = json!([{"name": "NOCTULE_ATTEMPT_KEY", "value": "k"}]);
    let overrides = json!({"containerOverrides": [{"name": "main", "environment": env}]});
    run(
        &sim,
        json!({"startedBy": "a", "clientToken": "t", "overrides": overrides}),
    )
    .await;
    assert_eq!(sim.ledger(), [("k".to_owned(), 1)].into());
    let env = &sim.tasks()[0].containers[0].env;
    assert_eq!(env["NOCTULE_ATTEMPT_KEY"], "k");
    assert_eq!(
        sim.requests()[0]
            .override_env("NOCTULE_ATTEMPT_KEY")
            .unwrap(),
        "k"
    );
}
