//! Whole lives of tasks, with what goes wrong on the way.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use noctule_ecs_simulator::{Action, Fault, Simulator, Status as TaskStatus, StopCode};
use noctule_executor::{AnyExecutor, ErrorClass, ExecutorError, Outcome, Status};
use noctule_executor_testing::attempt;
use serde_json::{Value, json};

use crate::world::{at, family, fargate, followed, launch, simulator, works};

fn outcome(status: Status) -> Outcome {
    match status {
        Status::Finished(finished) => finished.outcome,
        other => panic!("it ended: {other:?}"),
    }
}

fn class(status: Status) -> ErrorClass {
    match outcome(status) {
        Outcome::Failed { class, .. } => class,
        other => panic!("it failed: {other:?}"),
    }
}

#[tokio::test]
async fn the_containers_get_their_variables_and_the_task_its_marks() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let mut config = family("shell");
    let script = "echo $NOCTULE_RUN_ID $NOCTULE_TASK $NOCTULE_INGESTION_ID $TENANT $TOKEN; exit 4";
    config["command"] = json!([script]);
    config["env"] = json!({ "TENANT": "cf526000", "TOKEN": { "secret": "token" } });
    let attempt = attempt("etl", config);
    let handle = launch(&fargate(), &context, &attempt).await.unwrap();
    let (_, end) = followed(&context, handle).await;
    let Outcome::Failed {
        class,
        message,
        output,
    } = outcome(end)
    else {
        panic!("it failed")
    };
    assert_eq!(class, ErrorClass::User);
    let said = format!(
        "run-1 etl 20250926 cf526000 {}",
        noctule_executor_testing::CANARY
    );
    assert!(
        message.contains("exited with 4") && message.contains(&said),
        "{message}"
    );
    let output = output.unwrap();
    assert_eq!(output["exit_code"], 4);
    let task = &ecs.tasks()[0];
    let key = Some(attempt.key.as_str());
    assert_eq!(
        (task.client_token.as_deref(), task.started_by.as_deref()),
        (key, key)
    );
    assert_eq!(task.tags["noctule-attempt-key"], attempt.key.as_str());
    assert_eq!(output["task_arn"], task.arn.as_str());
}

#[tokio::test]
async fn whatever_is_lost_one_attempt_is_one_task() {
    for fault in [
        Fault::lost_answer(Action::RunTask),
        Fault::lost_request(Action::RunTask),
        Fault::truncated(Action::RunTask, 10),
        Fault::acted_then_server_error(Action::RunTask),
        Fault::server_error(Action::RunTask),
        Fault::failures_with_ghost("RESOURCE:ENI"),
    ] {
        let ecs = simulator().await;
        let context = at(&ecs);
        drop(ecs.order(fault.clone()));
        let mut attempt = attempt("etl", family("good"));
        let first = launch(&fargate(), &context, &attempt).await;
        attempt.sends += 1;
        let handle = match first {
            Ok(handle) => handle,
            Err(ExecutorError::Unknown { .. }) => {
                launch(&fargate(), &context, &attempt).await.unwrap()
            }
            Err(error) => panic!("{fault:?}: {error}"),
        };
        let (_, end) = followed(&context, handle).await;
        assert!(
            matches!(outcome(end), Outcome::Succeeded { .. }),
            "{fault:?}"
        );
        let works: Vec<_> = works(&ecs).into_iter().collect();
        assert_eq!(works, [(attempt.key.as_str().to_owned(), 1)], "{fault:?}");
    }
}

#[tokio::test]
async fn the_token_holds_where_the_list_lags() {
    let settings = noctule_ecs_simulator::Settings {
        visible_after: Duration::from_secs(60),
        ..crate::world::settings()
    };
    let ecs = Simulator::start(settings).await.unwrap();
    let context = at(&ecs);
    drop(ecs.order(Fault::lost_answer(Action::RunTask)));
    let mut attempt = attempt("etl", family("long"));
    let lost = launch(&fargate(), &context, &attempt).await;
    assert!(matches!(lost, Err(ExecutorError::Unknown { .. })));
    attempt.sends = 2;
    let handle = launch(&fargate(), &context, &attempt).await.unwrap();
    assert_eq!(ecs.calls(Action::RunTask), 2, "the list showed nothing");
    assert_eq!(handle["data"]["task_arn"], ecs.tasks()[0].arn.as_str());
    assert_eq!(ecs.tasks().len(), 1);
    // And what was just launched is not lost though nobody can read it yet.
    let polled = AnyExecutor::poll(&fargate(), &context, &[handle], Duration::ZERO).await;
    assert_eq!(polled, [Ok(Status::Launching)]);
}

#[tokio::test]
async fn an_engine_that_comes_back_the_next_day_starts_nothing_twice() {
    let ecs = simulator().await;
    let context = at(&ecs);
    drop(ecs.order(Fault::lost_answer(Action::RunTask)));
    let mut attempt = attempt("etl", family("good"));
    assert!(launch(&fargate(), &context, &attempt).await.is_err());
    ecs.wait_for(|state| state.tasks.iter().all(|task| task.has_stopped()))
        .await;
    // The token and the stopped task are both forgotten.
    ecs.advance(Duration::from_secs(25 * 3_600));
    attempt.sends = 2;
    attempt.intended_at = Utc::now() - TimeDelta::hours(25);
    let error = launch(&fargate(), &context, &attempt).await.unwrap_err();
    assert!(
        matches!(
            error,
            ExecutorError::Rejected {
                class: ErrorClass::Unknown,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(ecs.starts().len(), 1);
}

#[tokio::test]
async fn a_restart_finds_its_task_and_leaves_a_foreign_one_alone() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let foreign = attempt("other", family("long"));
    launch(&fargate(), &context, &foreign).await.unwrap();
    drop(ecs.order(Fault::lost_answer(Action::RunTask)));
    let ours = attempt("etl", family("long"));
    assert!(launch(&fargate(), &context, &ours).await.is_err());
    let executor = fargate();
    let request = AnyExecutor::request(&executor, &ours, context.connection.as_ref()).unwrap();
    let found = AnyExecutor::adopt(&executor, &context, &ours, &request)
        .await
        .unwrap()
        .unwrap();
    AnyExecutor::cancel(&executor, &context, &found, Duration::ZERO)
        .await
        .unwrap();
    let (_, end) = followed(&context, found).await;
    assert!(matches!(outcome(end), Outcome::Cancelled { .. }));
    let alive: Vec<_> = ecs
        .tasks()
        .into_iter()
        .filter(|task| !task.has_stopped())
        .collect();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].started_by.as_deref(), Some(foreign.key.as_str()));
}

async fn end_of(fault: Option<Fault>, disturb: impl Fn(&Simulator, &str)) -> Status {
    let ecs = simulator().await;
    let context = at(&ecs);
    if let Some(fault) = fault {
        drop(ecs.order(fault));
    }
    let handle = launch(&fargate(), &context, &attempt("etl", family("long")))
        .await
        .unwrap();
    let arn = handle["data"]["task_arn"].as_str().unwrap();
    ecs.wait_for(|state| {
        state
            .tasks
            .iter()
            .all(|task| task.status >= TaskStatus::Running)
    })
    .await;
    disturb(&ecs, arn);
    followed(&context, handle).await.1
}

#[tokio::test]
async fn what_the_platform_does_is_not_the_works_fault() {
    let leave = |_: &Simulator, _: &str| {};
    let spot = Fault::spot_interruption(Duration::ZERO);
    assert_eq!(
        class(end_of(Some(spot), leave).await),
        ErrorClass::Infrastructure
    );
    let pull = Fault::fails_to_start("CannotPullContainerError: image etl: not found");
    assert_eq!(class(end_of(Some(pull), leave).await), ErrorClass::Config);
    let init = Fault::fails_to_start(
        "ResourceInitializationError: unable to pull secrets or registry auth",
    );
    assert_eq!(
        class(end_of(Some(init), leave).await),
        ErrorClass::NeverStarted
    );
    let broken = |ecs: &Simulator, arn: &str| {
        ecs.stop_task(arn, StopCode::InfrastructureHealth, "the host failed")
            .unwrap();
    };
    assert_eq!(
        class(end_of(None, broken).await),
        ErrorClass::Infrastructure
    );
    let somebody = |ecs: &Simulator, arn: &str| {
        ecs.stop_task(arn, StopCode::UserInitiated, "by hand")
            .unwrap();
    };
    assert!(matches!(
        outcome(end_of(None, somebody).await),
        Outcome::Cancelled { .. }
    ));
}

#[tokio::test]
async fn a_stopped_task_that_was_forgotten_is_lost() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let mut handle = launch(&fargate(), &context, &attempt("etl", family("good")))
        .await
        .unwrap();
    ecs.wait_for(|state| state.tasks.iter().all(|task| task.has_stopped()))
        .await;
    ecs.advance(Duration::from_secs(2 * 3_600));
    handle["data"]["launched_at"] = json!(Utc::now() - TimeDelta::hours(2));
    let (_, end) = followed(&context, handle).await;
    assert!(matches!(end, Status::Lost { .. }), "{end:?}");
}

#[tokio::test]
async fn five_hundred_tasks_cost_five_reads_a_round() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let executor = fargate();
    let mut handles: Vec<Value> = Vec::new();
    for _ in 0..500 {
        let attempt = attempt("etl", family("long"));
        handles.push(launch(&executor, &context, &attempt).await.unwrap());
    }
    let before = ecs.calls(Action::DescribeTasks);
    let answers = AnyExecutor::poll(&executor, &context, &handles, Duration::ZERO).await;
    assert_eq!(answers.len(), 500);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(Status::Running { .. } | Status::Launching)))
    );
    assert_eq!(ecs.calls(Action::DescribeTasks) - before, 5);
    assert_eq!(
        ecs.calls(Action::DescribeTaskDefinition),
        1 + 500 - 1,
        "a family is read at each launch"
    );
}
