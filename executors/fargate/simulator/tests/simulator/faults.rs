//! Faults to order.

use std::time::Duration;

use noctule_ecs_simulator::{Action, Effect, Fault, Status};
use serde_json::{Value, json};

use crate::client::{
    call, describe, held, post, refused, request, run, run_request, run_with, until,
};

#[tokio::test]
async fn errors_come_in_awss_words_and_nothing_is_done() {
    let sim = held().await;
    for (fault, status, code) in [
        (
            Fault::throttled(Action::RunTask),
            400,
            "ThrottlingException",
        ),
        (Fault::server_error(Action::RunTask), 500, "ServerException"),
        (
            Fault::access_denied(Action::RunTask),
            400,
            "AccessDeniedException",
        ),
        (
            Fault::expired_token(Action::RunTask),
            400,
            "ExpiredTokenException",
        ),
        (Fault::no_capacity(), 400, "ClientException"),
    ] {
        let ordered = sim.order(fault.clone());
        let (known, answer) = post(&sim, Action::RunTask, run_request()).await;
        assert_eq!(
            (known, answer["__type"].as_str()),
            (status, Some(code)),
            "{fault:?}"
        );
        assert_eq!(ordered.remaining(), 0);
    }
    assert_eq!((sim.tasks().len(), sim.calls(Action::RunTask)), (0, 5));
    run(&sim, json!({})).await;
}

#[tokio::test]
async fn an_answer_may_be_lost_after_the_start_and_a_request_before_it() {
    for (fault, started) in [
        (Fault::lost_answer(Action::RunTask), 1),
        (Fault::truncated(Action::RunTask, 20), 1),
        (Fault::wire(Action::RunTask, Effect::Reset), 1),
        (Fault::lost_request(Action::RunTask), 0),
    ] {
        let sim = held().await;
        sim.order(fault.clone());
        let body = run_with(json!({"clientToken": "t", "startedBy": "k"}));
        let broken = match request(&sim, Action::RunTask, &body).send().await {
            Ok(response) => response.bytes().await.is_err(),
            Err(error) => !error.is_connect(),
        };
        assert!(broken, "{fault:?}");
        assert_eq!(sim.tasks().len(), started, "{fault:?}");
        call(&sim, Action::RunTask, body).await;
        assert_eq!(sim.ledger(), [("k".to_owned(), 1)].into(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_error_may_hide_a_start() {
    let sim = held().await;
    sim.order(Fault::acted_then_server_error(Action::RunTask));
    assert_eq!(post(&sim, Action::RunTask, run_request()).await.0, 500);
    assert_eq!(sim.tasks().len(), 1);
}

#[tokio::test]
async fn a_failed_placement_may_leave_a_ghost() {
    for (fault, ghosts) in [
        (Fault::failures("RESOURCE:CPU"), 0),
        (Fault::failures_with_ghost("RESOURCE:CPU"), 1),
    ] {
        let sim = held().await;
        sim.order(fault);
        let answer = call(&sim, Action::RunTask, run_with(json!({"startedBy": "k"}))).await;
        assert_eq!(
            (&answer["tasks"], &answer["failures"][0]["reason"]),
            (&json!([]), &json!("RESOURCE:CPU"))
        );
        assert_eq!(sim.tasks().len(), ghosts);
        let listed = call(&sim, Action::ListTasks, json!({"startedBy": "k"})).await;
        assert_eq!(listed["taskArns"].as_array().unwrap().len(), ghosts);
    }
}

#[tokio::test]
async fn a_task_may_fail_to_start_or_lose_its_capacity() {
    for (fault, code, ran) in [
        (
            Fault::fails_to_start("ResourceInitializationError: no"),
            "TaskFailedToStart",
            false,
        ),
        (
            Fault::spot_interruption(Duration::ZERO),
            "SpotInterruption",
            true,
        ),
    ] {
        let sim = held().await;
        sim.order(fault);
        run(&sim, json!({})).await;
        let stopped = until(&sim, Status::Stopped).await;
        assert_eq!(stopped["stopCode"], code);
        assert_eq!(stopped.get("startedAt").is_some(), ran, "{stopped}");
        assert_eq!(
            stopped["containers"][0].get("exitCode").is_some(),
            ran,
            "{stopped}"
        );
    }
}

#[tokio::test]
async fn a_description_may_be_missing_or_stale_once() {
    let sim = held().await;
    let arn = run(&sim, json!({})).await;
    until(&sim, Status::Running).await;
    sim.order(Fault::missing());
    sim.order(Fault::stale());
    let body = json!({"tasks": [arn]});
    let missing = call(&sim, Action::DescribeTasks, body.clone()).await;
    assert_eq!(
        (&missing["tasks"], &missing["failures"][0]["reason"]),
        (&json!([]), &json!("MISSING"))
    );
    let stale = call(&sim, Action::DescribeTasks, body).await;
    assert_eq!(stale["tasks"][0]["lastStatus"], "ACTIVATING");
    assert_eq!(describe(&sim, &arn).await["lastStatus"], "RUNNING");
}

#[tokio::test]
async fn a_stop_may_be_lost_inside() {
    let sim = held().await;
    let arn = run(&sim, json!({})).await;
    until(&sim, Status::Running).await;
    sim.order(Fault::stop_ignored());
    let body = json!({"task": arn});
    call(&sim, Action::StopTask, body.clone()).await;
    assert!(!sim.tasks()[0].stop_asked);
    call(&sim, Action::StopTask, body).await;
    until(&sim, Status::Stopped).await;
}

#[tokio::test]
async fn a_task_may_show_no_address() {
    let sim = held().await;
    sim.order(Fault::no_address());
    for shows in [false, true] {
        let arn = run(&sim, json!({})).await;
        sim.wait_for(|state| {
            state
                .tasks
                .last()
                .is_some_and(|task| task.status == Status::Running)
        })
        .await;
        let task = describe(&sim, &arn).await;
        assert_eq!(address(&task).is_some(), shows, "{task}");
        assert_eq!(
            task["attachments"][0]["status"],
            if shows { "ATTACHED" } else { "ATTACHING" }
        );
    }
}

fn address(task: &Value) -> Option<String> {
    let details = task["attachments"][0]["details"].as_array().unwrap();
    let found = details
        .iter()
        .find(|one| one["name"] == "privateIPv4Address")?;
    Some(found["value"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_order_lasts_as_long_as_it_says_and_only_for_its_call() {
    let sim = held().await;
    let ordered = sim.order(Fault::throttled(Action::ListTasks).times(usize::MAX));
    run(&sim, json!({})).await;
    for _ in 0..3 {
        let code = refused(&sim, Action::ListTasks, json!({})).await;
        assert_eq!(code, "ThrottlingException");
    }
    ordered.withdraw();
    call(&sim, Action::ListTasks, json!({})).await;
}

#[tokio::test]
async fn a_held_answer_comes_when_it_is_let_go() {
    let sim = held().await;
    let ordered = sim.order(Fault::wire(Action::RunTask, Effect::HangAnswer));
    let release = async {
        sim.wait_for(|state| state.tasks.len() == 1).await;
        ordered.release();
    };
    let (arn, ()) = tokio::join!(run(&sim, json!({})), release);
    assert_eq!(sim.tasks()[0].arn, arn);
}
