//! Executions whose ends the test decides.

use std::time::Duration;

use noctule_cloud_run::simulator::{
    Condition, ConditionState, Counts, Ending, JobConfig, JobScript, Reason, SimulatorError,
};
use serde_json::json;

use crate::client::{ETL, PLACE, condition, get, id, post, read, run, simulator};

fn three_tasks() -> JobConfig {
    JobConfig {
        task_count: Some(3),
        ..JobConfig::default()
    }
}

#[tokio::test]
async fn a_new_execution_waits_and_leaves_out_what_is_zero() {
    let sim = simulator(JobScript::hold().queued()).await;
    let (_, operation) = post(&sim, &format!("{ETL}:run"), &json!({})).await;
    assert!(
        operation["name"]
            .as_str()
            .unwrap()
            .starts_with("projects/p/locations/us-central1/operations/")
    );
    assert!(operation.get("done").is_none());
    let execution = &operation["metadata"];
    assert_eq!(
        execution["@type"],
        "type.googleapis.com/google.cloud.run.v2.Execution"
    );
    assert_eq!(
        (&execution["job"], &execution["taskCount"]),
        (&json!("etl"), &json!(1))
    );
    assert_eq!(execution["generation"], "1");
    assert_eq!(
        condition(execution, "Completed")["state"],
        "CONDITION_RECONCILING"
    );
    for absent in [
        "startTime",
        "completionTime",
        "succeededCount",
        "failedCount",
        "runningCount",
        "labels",
    ] {
        assert!(execution.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn a_held_execution_runs_until_it_is_told_how_to_end() {
    let sim = simulator(JobScript::hold().with(three_tasks())).await;
    let path = run(&sim, &json!({})).await;
    sim.wait_for(|state| state.executions[0].counts.running == 3)
        .await;
    let running = read(&sim, &path).await;
    assert_eq!(
        (&running["runningCount"], &running["reconciling"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(
        condition(&running, "Started")["state"],
        "CONDITION_SUCCEEDED"
    );
    sim.finish(id(&path), Ending::Succeeded).unwrap();
    let ended = read(&sim, &path).await;
    assert_eq!(ended["succeededCount"], 3);
    assert!(ended.get("runningCount").is_none() && ended.get("reconciling").is_none());
    assert_eq!(
        condition(&ended, "Completed")["state"],
        "CONDITION_SUCCEEDED"
    );
    assert!(ended["completionTime"].as_str().unwrap().ends_with('Z'));
    assert!(matches!(
        sim.finish(id(&path), Ending::Succeeded),
        Err(SimulatorError::AlreadyEnded { .. })
    ));
}

#[tokio::test]
async fn a_failure_shows_its_reason_and_the_exit_code_on_the_task() {
    let sim = simulator(JobScript::hold().with(three_tasks())).await;
    let path = run(&sim, &json!({})).await;
    sim.finish(
        id(&path),
        Ending::Failed {
            exit_code: 7,
            failed: 1,
            succeeded: 2,
        },
    )
    .unwrap();
    let ended = read(&sim, &path).await;
    assert_eq!(
        (&ended["succeededCount"], &ended["failedCount"]),
        (&json!(2), &json!(1))
    );
    let completed = condition(&ended, "Completed");
    assert_eq!(completed["state"], "CONDITION_FAILED");
    assert_eq!(completed["executionReason"], "NON_ZERO_EXIT_CODE");
    let tasks = read(&sim, &format!("{path}/tasks")).await;
    assert!(
        tasks["tasks"][0].get("index").is_none(),
        "index 0 is left out"
    );
    assert!(
        tasks["tasks"][0]["lastAttemptResult"]
            .get("exitCode")
            .is_none()
    );
    assert_eq!(tasks["tasks"][2]["lastAttemptResult"]["exitCode"], 7);
    let one = read(&sim, &format!("{path}/tasks/{}-task2", id(&path))).await;
    assert_eq!(one["index"], 2);
}

#[tokio::test]
async fn success_may_be_short_of_tasks() {
    let sim = simulator(JobScript::hold().with(three_tasks())).await;
    let path = run(&sim, &json!({})).await;
    sim.finish(id(&path), Ending::SucceededShort { succeeded: 2 })
        .unwrap();
    let ended = read(&sim, &path).await;
    assert_eq!(
        condition(&ended, "Completed")["state"],
        "CONDITION_SUCCEEDED"
    );
    assert_eq!(
        (&ended["succeededCount"], &ended["taskCount"]),
        (&json!(2), &json!(3))
    );
}

#[tokio::test]
async fn a_cancelled_execution_passes_cancelling_and_ends_its_operation_without_an_error() {
    let sim = simulator(JobScript::hold().lingers_when_cancelled()).await;
    let (_, operation) = post(&sim, &format!("{ETL}:run"), &json!({})).await;
    let path = format!("/v2/{}", operation["metadata"]["name"].as_str().unwrap());
    assert_eq!(
        post(&sim, &format!("{path}:cancel"), &json!({})).await.0,
        200
    );
    let cancelling = read(&sim, &path).await;
    assert_eq!(
        condition(&cancelling, "Completed")["executionReason"],
        "CANCELLING"
    );
    assert!(cancelling.get("completionTime").is_none());
    sim.finish(id(&path), Ending::Cancelled).unwrap();
    let ended = read(&sim, &path).await;
    assert_eq!(
        condition(&ended, "Completed")["executionReason"],
        "CANCELLED"
    );
    assert_eq!(ended["cancelledCount"], 1);
    let operation = read(
        &sim,
        &format!("/v2/{}", operation["name"].as_str().unwrap()),
    )
    .await;
    assert_eq!(operation["done"], true);
    assert!(operation.get("error").is_none() && operation.get("response").is_some());
}

#[tokio::test]
async fn a_second_cancel_is_fine_and_one_after_the_end_is_refused() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    let cancel = format!("{path}:cancel");
    assert_eq!(post(&sim, &cancel, &json!({})).await.0, 200);
    sim.wait_for(|state| state.executions[0].ended).await;
    let (status, body) = post(&sim, &cancel, &json!({})).await;
    assert_eq!(
        (status, &body["error"]["status"]),
        (400, &json!("FAILED_PRECONDITION"))
    );
    assert_eq!(sim.cancels_sent(), 2);
    let (status, _) = post(
        &sim,
        &format!("{ETL}/executions/etl-other:cancel"),
        &json!({}),
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_cancelled_execution_may_count_nothing() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    sim.finish(id(&path), Ending::CancelledUncounted).unwrap();
    assert_eq!(sim.executions()[0].counts, Counts::default());
    assert_eq!(sim.executions()[0].status, "EXECUTION_CANCELLED");
}

#[tokio::test]
async fn a_container_that_cannot_start_says_why() {
    let sim = simulator(JobScript::hold().queued()).await;
    let path = run(&sim, &json!({})).await;
    let ending = Ending::NeverStarted {
        reason: "CONTAINER_MISSING".to_owned(),
        message: "Image not found.".to_owned(),
    };
    sim.finish(id(&path), ending).unwrap();
    let ended = read(&sim, &path).await;
    assert_eq!(
        condition(&ended, "Completed")["reason"],
        "CONTAINER_MISSING"
    );
    assert!(ended.get("startTime").is_none());
}

#[tokio::test]
async fn any_condition_can_be_set() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    let unsure = Condition::new("Completed", ConditionState::Reconciling)
        .because(Reason::execution("JOB_STATUS_SERVICE_POLLING_ERROR"))
        .saying("System will retry.");
    sim.set_condition(id(&path), unsure).unwrap();
    let completed = condition(&read(&sim, &path).await, "Completed");
    assert_eq!(
        completed["executionReason"],
        "JOB_STATUS_SERVICE_POLLING_ERROR"
    );
    assert_eq!(completed["message"], "System will retry.");
}

#[tokio::test]
async fn executions_may_be_deleted_or_vanish() {
    let sim = simulator(JobScript::hold()).await;
    let (first, second) = (run(&sim, &json!({})).await, run(&sim, &json!({})).await);
    sim.finish(id(&first), Ending::Deleted).unwrap();
    let deleted = read(&sim, &first).await;
    assert!(deleted["deleteTime"].is_string() && deleted["expireTime"].is_string());
    assert_eq!(
        condition(&deleted, "Completed")["executionReason"],
        "DELETED"
    );
    sim.remove(id(&second)).unwrap();
    assert_eq!(get(&sim, &second).await.0, 404);
    assert!(matches!(
        sim.remove(id(&second)),
        Err(SimulatorError::UnknownExecution { .. })
    ));
}

#[tokio::test]
async fn an_operation_can_be_waited_for() {
    let sim = simulator(JobScript::hold()).await;
    let (_, operation) = post(&sim, &format!("{ETL}:run"), &json!({})).await;
    let path = format!("/v2/{}:wait", operation["name"].as_str().unwrap());
    let (_, early) = post(&sim, &path, &json!({"timeout": "0.01s"})).await;
    assert!(early.get("done").is_none());
    let (body, id) = (json!({"timeout": "600s"}), sim.executions()[0].id.clone());
    let ending = async {
        sim.wait_for(|state| state.sent("POST", ":wait").count() == 2)
            .await;
        sim.finish(&id, Ending::failed(3)).unwrap();
    };
    let ((_, done), ()) = tokio::join!(post(&sim, &path, &body), ending);
    assert_eq!(done["done"], true);
    assert!(
        done["error"]["message"]
            .as_str()
            .unwrap()
            .contains("The container exited with an error.")
    );
    let listed = read(&sim, &format!("{PLACE}/operations")).await;
    assert_eq!(listed["operations"].as_array().unwrap().len(), 1);
    sim.remove_operations();
    assert_eq!(post(&sim, &path, &json!({})).await.0, 404);
}

#[tokio::test]
async fn a_script_may_end_by_itself() {
    let sim = simulator(JobScript::ends(Duration::from_millis(1), Ending::failed(2))).await;
    run(&sim, &json!({})).await;
    let state = sim.wait_for(|state| state.executions[0].ended).await;
    assert_eq!(state.executions[0].counts.failed, 1);
}

#[tokio::test]
async fn a_test_may_replace_the_clock() {
    let noon = "2025-11-07T14:00:00Z"
        .parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap();
    let builder = noctule_cloud_run::simulator::Simulator::builder().clock(move || noon);
    let sim = builder.job("etl", JobScript::hold()).start().await.unwrap();
    let path = run(&sim, &json!({})).await;
    assert_eq!(
        read(&sim, &path).await["createTime"],
        "2025-11-07T14:00:00.000000Z"
    );
}
