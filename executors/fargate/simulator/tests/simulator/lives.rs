//! The lives of tasks, from PROVISIONING to STOPPED.

use std::time::Duration;

use noctule_ecs_simulator::{
    Action, ContainerDefinition, Definition, Ending, Fault, Settings, Simulator, Status, StopCode,
};
use serde_json::json;

use crate::client::{call, describe, held, post, run, run_to_the_end, shell, until};

#[tokio::test]
async fn a_task_passes_through_every_state_and_shows_its_times() {
    let sim = held().await;
    sim.order(Fault::held_at(Status::Pending));
    let arn = run(
        &sim,
        json!({"startedBy": "me", "tags": [{"key": "a", "value": "b"}]}),
    )
    .await;
    let pending = until(&sim, Status::Pending).await;
    assert!(pending["pullStartedAt"].is_f64() && pending.get("startedAt").is_none());
    assert_eq!(pending["containers"][0]["lastStatus"], "PENDING");
    sim.proceed(&arn).unwrap();
    let running = until(&sim, Status::Running).await;
    assert_eq!(
        (&running["desiredStatus"], &running["connectivity"]),
        (&json!("RUNNING"), &json!("CONNECTED"))
    );
    assert!(running.get("stopCode").is_none() && running["startedAt"].is_f64());
    sim.finish(&arn, &Ending::exit(0)).unwrap();
    let stopped = until(&sim, Status::Stopped).await;
    for (field, value) in [
        ("stopCode", "EssentialContainerExited"),
        ("stoppedReason", "Essential container in task exited"),
        ("desiredStatus", "STOPPED"),
        ("startedBy", "me"),
    ] {
        assert_eq!(stopped[field], value, "{stopped}");
    }
    let times = [
        "createdAt",
        "pullStartedAt",
        "pullStoppedAt",
        "startedAt",
        "stoppingAt",
        "executionStoppedAt",
        "stoppedAt",
    ];
    let times: Vec<f64> = times
        .iter()
        .map(|time| stopped[*time].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(stopped["containers"][0]["exitCode"], 0);
    assert_eq!(describe(&sim, &arn).await, stopped);
}

#[tokio::test]
async fn a_command_ends_the_task_with_its_exit_code() {
    let sim = shell("exit 7").await;
    let stopped = run_to_the_end(&sim, json!({})).await;
    assert_eq!(stopped["containers"][0]["exitCode"], 7);
    assert_eq!(stopped["stopCode"], "EssentialContainerExited");
}

#[tokio::test]
async fn a_sidecar_is_terminated_when_the_essential_container_ends() {
    let definition = Definition::new("etl")
        .container(ContainerDefinition::command(
            "main",
            &["sh", "-c", "exit 0"],
        ))
        .container(ContainerDefinition::command("side", &["sleep", "1000"]).sidecar());
    let sim = Simulator::start(Settings::default().definition(definition))
        .await
        .unwrap();
    let stopped = run_to_the_end(&sim, json!({})).await;
    let codes = [0, 1].map(|at| stopped["containers"][at]["exitCode"].as_i64());
    assert_eq!(codes, [Some(0), Some(143)]);
}

#[tokio::test]
async fn a_sidecar_that_ends_leaves_the_task_running() {
    let definition =
        Definition::held("etl", "main").container(ContainerDefinition::held("side").sidecar());
    let sim = Simulator::start(Settings::default().definition(definition))
        .await
        .unwrap();
    let arn = run(&sim, json!({})).await;
    until(&sim, Status::Running).await;
    sim.finish_container(&arn, "side", &Ending::exit(3))
        .unwrap();
    sim.wait_for(|state| state.tasks[0].containers[1].exit_code == Some(3))
        .await;
    assert_eq!(describe(&sim, &arn).await["lastStatus"], "RUNNING");
    assert!(
        sim.finish_container(&arn, "other", &Ending::exit(0))
            .is_err()
    );
}

#[tokio::test]
async fn a_stopped_task_shows_who_asked_and_what_the_container_made_of_it() {
    let sim = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done").await;
    let arn = run(&sim, json!({})).await;
    until(&sim, Status::Running).await;
    let body = json!({"task": arn, "reason": "enough"});
    until_logged(&sim).await;
    let asked = call(&sim, Action::StopTask, body.clone()).await;
    assert_eq!(
        (
            &asked["task"]["desiredStatus"],
            &asked["task"]["stoppedReason"]
        ),
        (&json!("STOPPED"), &json!("enough"))
    );
    let stopped = until(&sim, Status::Stopped).await;
    assert_eq!(
        (&stopped["stopCode"], &stopped["containers"][0]["exitCode"]),
        (&json!("UserInitiated"), &json!(5))
    );
    let again = call(
        &sim,
        Action::StopTask,
        json!({"task": arn, "reason": "again"}),
    )
    .await;
    assert_eq!(again["task"]["stoppedReason"], "enough");
}

#[tokio::test]
async fn what_ignores_term_is_killed_after_its_stop_timeout() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    let container = ContainerDefinition::command("main", &["sh", "-c", script])
        .stop_timeout(Duration::from_millis(20));
    let settings = Settings::default().definition(Definition::new("etl").container(container));
    let sim = Simulator::start(settings).await.unwrap();
    let arn = run(&sim, json!({})).await;
    until_logged(&sim).await;
    call(&sim, Action::StopTask, json!({"task": arn})).await;
    let stopped = until(&sim, Status::Stopped).await;
    assert_eq!(stopped["containers"][0]["exitCode"], 137);
}

/// Waits until the script of the first task has come to its trap, and said so.
async fn until_logged(sim: &Simulator) {
    let stream = format!("ecs/main/{}", sim.tasks()[0].id);
    let log = json!({"logGroupName": "/ecs/etl", "logStreamName": stream});
    while post(sim, Action::GetLogEvents, log.clone()).await.0 != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_task_stopped_before_it_ran_has_no_exit_code() {
    let sim = held().await;
    sim.order(Fault::held_at(Status::Provisioning));
    let arn = run(&sim, json!({})).await;
    call(&sim, Action::StopTask, json!({"task": arn})).await;
    let stopped = until(&sim, Status::Stopped).await;
    assert_eq!(stopped["stopCode"], "UserInitiated");
    assert!(stopped["containers"][0].get("exitCode").is_none());
    assert!(stopped.get("startedAt").is_none() && stopped.get("executionStoppedAt").is_none());
}

#[tokio::test]
async fn a_command_that_is_not_there_fails_to_start() {
    let definition = Definition::new("etl")
        .container(ContainerDefinition::command("main", &["/nowhere/at/all"]));
    let sim = Simulator::start(Settings::default().definition(definition))
        .await
        .unwrap();
    let stopped = run_to_the_end(&sim, json!({})).await;
    assert_eq!(stopped["stopCode"], "TaskFailedToStart");
    assert!(
        stopped["stoppedReason"]
            .as_str()
            .unwrap()
            .starts_with("CannotStartContainerError")
    );
    assert!(stopped["containers"][0].get("exitCode").is_none());
}

#[tokio::test]
async fn aws_may_stop_a_task() {
    let sim = held().await;
    let arn = run(&sim, json!({})).await;
    until(&sim, Status::Running).await;
    sim.stop_task(&arn, StopCode::InfrastructureHealth, "The host is gone.")
        .unwrap();
    let stopped = until(&sim, Status::Stopped).await;
    assert_eq!(stopped["stopCode"], "InfrastructureHealth");
    assert_eq!(stopped["containers"][0]["exitCode"], 143);
}
