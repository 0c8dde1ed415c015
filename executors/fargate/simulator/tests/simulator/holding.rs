//! Holding a simulator: strangers, the control routes, and what is left when it ends.

use std::{path::Path, time::Duration};

use noctule_ecs_simulator::{Action, ContainerDefinition, Definition, Settings, Simulator, Status};
use serde_json::json;

use crate::client::{call, control, held, refused, run, run_request, until};

#[tokio::test]
async fn a_stranger_is_listed_and_counts_as_nobodys_start() {
    let sim = held().await;
    let arn = sim
        .stranger_task("us-east-1", "default", "theirs", Some("them"))
        .unwrap();
    until(&sim, Status::Running).await;
    let listed = call(&sim, Action::ListTasks, json!({})).await;
    assert_eq!(listed["taskArns"], json!([arn]));
    assert!(sim.ledger().is_empty());
    call(&sim, Action::StopTask, json!({"task": arn})).await;
    until(&sim, Status::Stopped).await;
}

#[tokio::test]
async fn the_control_routes_order_faults_show_the_state_and_end_tasks() {
    let sim = held().await;
    let (status, _) = control(&sim, "faults", Some(json!({"fault": "throttled"}))).await;
    assert_eq!(status, 200);
    assert_eq!(
        refused(&sim, Action::RunTask, run_request()).await,
        "ThrottlingException"
    );
    let arn = run(&sim, json!({"startedBy": "k"})).await;
    until(&sim, Status::Running).await;
    let (_, state) = control(&sim, "state", None).await;
    assert_eq!(
        (&state["ledger"], &state["calls"]["RunTask"]),
        (&json!({"k": 1}), &json!(2))
    );
    assert_eq!(state["tasks"][0]["status"], "RUNNING");
    let (status, _) = control(&sim, "finish", Some(json!({"task": arn, "exit_code": 4}))).await;
    assert_eq!(status, 200);
    assert_eq!(
        until(&sim, Status::Stopped).await["containers"][0]["exitCode"],
        4
    );
    for (path, body) in [
        ("finish", json!({"task": arn, "exit_code": 4})),
        ("faults", json!({"fault": "odd"})),
        ("odd", json!({})),
    ] {
        assert_eq!(control(&sim, path, Some(body)).await.0, 400, "{path}");
    }
}

/// A task whose process, and the child of it, have written their numbers down.
async fn with_processes(folder: &Path) -> (Simulator, Vec<u32>) {
    let script = "sleep 1000 & echo $$ $! > pids.new; mv pids.new pids; wait";
    let mut container = ContainerDefinition::command("main", &["sh", "-c", script])
        .stop_timeout(Duration::from_secs(1000));
    container.cwd = Some(folder.to_owned());
    let settings = Settings::default().definition(Definition::new("etl").container(container));
    let sim = Simulator::start(settings).await.unwrap();
    run(&sim, json!({})).await;
    let pids = loop {
        match std::fs::read_to_string(folder.join("pids")) {
            Ok(text) => {
                break text
                    .split_whitespace()
                    .map(|pid| pid.parse().unwrap())
                    .collect();
            }
            Err(_) => tokio::task::yield_now().await,
        }
    };
    (sim, pids)
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state is the first letter after the name in brackets; a zombie is dead.
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[tokio::test]
async fn stopping_a_simulator_kills_its_containers_and_their_children() {
    let folder = tempfile::tempdir().unwrap();
    let (sim, pids) = with_processes(folder.path()).await;
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)));
    sim.stop().await;
    while pids.iter().any(|pid| is_alive(*pid)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn dropping_a_simulator_kills_its_containers_too() {
    let folder = tempfile::tempdir().unwrap();
    let (sim, pids) = with_processes(folder.path()).await;
    drop(sim);
    while pids.iter().any(|pid| is_alive(*pid)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_container_knows_its_address_and_its_merged_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut container = ContainerDefinition::command(
        "main",
        &["sh", "-c", "env > env; echo \"$0 $*\" >> env", "etl"],
    )
    .env("A", "definition")
    .env("B", "definition")
    .port(8080);
    container.cwd = Some(folder.path().to_owned());
    let settings = Settings::default().definition(Definition::new("etl").container(container));
    let sim = Simulator::start(settings).await.unwrap();
    let env = json!([{"name": "B", "value": "run"}]);
    let one = json!({"name": "main", "environment": env, "command": ["--day", "1"]});
    run(&sim, json!({"overrides": {"containerOverrides": [one]}})).await;
    let stopped = until(&sim, Status::Stopped).await;
    let seen = std::fs::read_to_string(folder.path().join("env")).unwrap();
    let address = sim.tasks()[0].address;
    for line in [
        "A=definition",
        "B=run",
        "ECS_SIM_PORT=8080",
        "AWS_REGION=us-east-1",
        "etl --day 1",
        &format!("ECS_SIM_ADDRESS={address}"),
    ] {
        assert!(
            seen.lines().any(|known| known == line),
            "{line} is missing in:\n{seen}"
        );
    }
    assert!(!seen.contains("CARGO"), "the environment is cleared");
    assert_eq!(
        stopped["overrides"]["containerOverrides"][0]["command"],
        json!(["--day", "1"])
    );
}
