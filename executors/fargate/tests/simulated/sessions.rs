//! Sessions: containers that others use through a load balancer, from the launch to nothing left.

use noctule_ecs_simulator::{Action, Fault, Health, Settings, Simulator, TargetHealth};
use noctule_executor::{AnyExecutor, ErrorClass, Outcome, Status, Use};
use noctule_executor_testing::attempt;
use serde_json::{Value, json};

use crate::world::{GROUP, at, fargate, followed, held, launch, settings, simulator, torn_down};

fn session() -> Value {
    json!({
        "task_definition": "long", "container": "main", "target_group": GROUP, "port": 8080,
        "health": { "ready_timeout": "1m" },
    })
}

/// One that is not waited for.
fn brief() -> Value {
    let mut config = session();
    config["health"]["ready_timeout"] = json!("1s");
    config
}

fn failure(status: Status) -> (ErrorClass, String) {
    match status {
        Status::Finished(finished) => match finished.outcome {
            Outcome::Failed { class, message, .. } => (class, message),
            other => panic!("it failed: {other:?}"),
        },
        other => panic!("it ended: {other:?}"),
    }
}

fn assert_nothing_left(ecs: &Simulator) {
    assert!(
        ecs.tasks().iter().all(|task| task.has_stopped()),
        "{:?}",
        ecs.tasks()
    );
    let targets = ecs.targets();
    assert!(
        targets
            .iter()
            .all(|target| target.health == TargetHealth::Draining),
        "{targets:?}"
    );
}

#[tokio::test]
async fn two_sessions_have_their_own_address_and_leave_nothing() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let mut handles = Vec::new();
    let mut addresses = Vec::new();
    for _ in 0..2 {
        let attempt = held(session());
        let handle = launch(&fargate(), &context, &attempt).await.unwrap();
        let (handle, end) = followed(&context, handle).await;
        let Status::Ready { output } = end else {
            panic!("it is ready: {end:?}")
        };
        assert_eq!(output["key"], attempt.key.as_str());
        assert_eq!(
            output["url"],
            format!("http://{}:8080", output["address"].as_str().unwrap())
        );
        addresses.push(output["address"].clone());
        handles.push(handle);
    }
    assert_ne!(addresses[0], addresses[1]);
    assert_eq!(ecs.calls(Action::RegisterTargets), 2);
    torn_down(&context, &handles[0], Use::Good).await;
    let alive: Vec<_> = ecs
        .tasks()
        .into_iter()
        .filter(|task| !task.has_stopped())
        .collect();
    assert_eq!(alive.len(), 1, "the other session is untouched");
    assert_eq!(alive[0].address.to_string(), addresses[1].as_str().unwrap());
    torn_down(&context, &handles[1], Use::Good).await;
    assert_nothing_left(&ecs);
    for handle in &handles {
        torn_down(&context, handle, Use::Good).await;
    }
}

#[tokio::test]
async fn a_session_without_an_address_fails_and_leaves_nothing() {
    let ecs = simulator().await;
    let context = at(&ecs);
    drop(ecs.order(Fault::no_address()));
    let handle = launch(&fargate(), &context, &held(brief())).await.unwrap();
    let (handle, end) = followed(&context, handle).await;
    let (class, message) = failure(end);
    assert_eq!(class, ErrorClass::NeverStarted);
    assert!(message.contains("no private address"), "{message}");
    assert_eq!(ecs.calls(Action::RegisterTargets), 0);
    torn_down(&context, &handle, Use::Bad).await;
    assert_nothing_left(&ecs);
}

#[tokio::test]
async fn a_session_that_never_gets_healthy_fails_and_leaves_nothing() {
    let ecs = simulator().await;
    let context = at(&ecs);
    drop(ecs.order(Fault::never_healthy()));
    let handle = launch(&fargate(), &context, &held(brief())).await.unwrap();
    let (handle, end) = followed(&context, handle).await;
    let (class, message) = failure(end);
    assert_eq!(class, ErrorClass::NeverStarted);
    assert!(message.contains(":8080 is "), "{message}");
    assert_eq!(ecs.targets().len(), 1);
    torn_down(&context, &handle, Use::Good).await;
    assert_nothing_left(&ecs);
}

#[tokio::test]
async fn a_session_whose_container_dies_says_why() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let mut config = session();
    config["task_definition"] = json!("bad");
    let handle = launch(&fargate(), &context, &held(config)).await.unwrap();
    let (handle, end) = followed(&context, handle).await;
    let (class, message) = failure(end);
    assert_eq!(class, ErrorClass::User);
    assert!(message.contains("exited with 3"), "{message}");
    torn_down(&context, &handle, Use::Good).await;
    assert_nothing_left(&ecs);
}

#[tokio::test]
async fn a_failed_use_leaves_the_container_to_save_itself() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let mut config = session();
    config["after_failure"] = json!("leave");
    let handle = launch(&fargate(), &context, &held(config)).await.unwrap();
    let (handle, end) = followed(&context, handle).await;
    assert!(matches!(end, Status::Ready { .. }), "{end:?}");
    for _ in 0..3 {
        let clearing = AnyExecutor::tear_down(&fargate(), &context, &handle, Use::Bad)
            .await
            .unwrap();
        assert!(matches!(
            clearing,
            noctule_executor::Clearing::Pending { .. }
        ));
    }
    assert_eq!(ecs.calls(Action::StopTask), 0);
    assert!(
        ecs.targets()
            .iter()
            .all(|target| target.health == TargetHealth::Draining)
    );
    let arn = handle["data"]["task_arn"].as_str().unwrap();
    ecs.finish(arn, &noctule_ecs_simulator::Ending::exit(0))
        .unwrap();
    ecs.wait_for(|state| state.tasks[0].has_stopped()).await;
    torn_down(&context, &handle, Use::Bad).await;
    assert_eq!(ecs.calls(Action::StopTask), 0);
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_nothing_that_the_stored_handle_cannot_clear() {
    let settings = Settings {
        health: Health::After(std::time::Duration::from_secs(3_600)),
        ..settings()
    };
    let ecs = Simulator::start(settings).await.unwrap();
    let context = at(&ecs);
    let mut handle = launch(&fargate(), &context, &held(session()))
        .await
        .unwrap();
    let mut steps = 0;
    while handle["data"]["door"]["address"].is_null() {
        // What is stored names all that exists, before each step and after it.
        assert_eq!(ecs.calls(Action::RegisterTargets), 0);
        let polled = AnyExecutor::poll(
            &fargate(),
            &context,
            &[handle.clone()],
            std::time::Duration::ZERO,
        )
        .await;
        if let Ok(Status::Advanced { handle: next }) = &polled[0] {
            handle = next.clone();
        }
        steps += 1;
    }
    assert!(steps >= 1);
    drop(
        AnyExecutor::poll(
            &fargate(),
            &context,
            &[handle.clone()],
            std::time::Duration::ZERO,
        )
        .await,
    );
    assert_eq!(ecs.targets().len(), 1);
    torn_down(&context, &handle, Use::Bad).await;
    assert_nothing_left(&ecs);
}

#[tokio::test]
async fn a_stop_that_is_lost_is_asked_for_again() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let handle = launch(&fargate(), &context, &held(session()))
        .await
        .unwrap();
    let (handle, _) = followed(&context, handle).await;
    drop(ecs.order(Fault::stop_ignored().times(2)));
    torn_down(&context, &handle, Use::Good).await;
    assert_eq!(ecs.calls(Action::StopTask), 3);
    assert_nothing_left(&ecs);
}

#[tokio::test]
async fn a_sweep_finds_ours_with_their_targets_and_nobody_elses() {
    let ecs = simulator().await;
    let context = at(&ecs);
    let handle = launch(&fargate(), &context, &held(session()))
        .await
        .unwrap();
    let (_, end) = followed(&context, handle).await;
    assert!(matches!(end, Status::Ready { .. }));
    let mut other = attempt(
        "other",
        json!({ "task_definition": "long", "container": "main" }),
    );
    other.key = noctule_executor::AttemptKey::from_text("n1-ffffffff-0000");
    launch(&fargate(), &context, &other).await.unwrap();
    let owned = AnyExecutor::owned(&fargate(), &context, &[session()])
        .await
        .unwrap();
    assert_eq!(owned.len(), 1);
    torn_down(&context, &owned[0].handle, Use::Good).await;
    let alive: Vec<_> = ecs
        .tasks()
        .into_iter()
        .filter(|task| !task.has_stopped())
        .collect();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].started_by.as_deref(), Some("n1-ffffffff-0000"));
    assert!(
        ecs.targets()
            .iter()
            .all(|target| target.health == TargetHealth::Draining)
    );
}
