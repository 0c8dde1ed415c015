//! Jobs: those of the configuration and those created over the API.

use noctule_cloud_run::simulator::{JobScript, Simulator};
use serde_json::{Value, json};

use crate::client::{ETL, PLACE, delete, get, post, read, request, run, send, simulator};

fn body() -> Value {
    json!({"template": {"template": {"containers": [{"image": "img", "args": ["a"]}]}}})
}

#[tokio::test]
async fn configured_jobs_exist_in_every_place_and_no_others_do() {
    let sim = simulator(JobScript::hold()).await;
    let job = read(&sim, "/v2/projects/q/locations/asia-northeast3/jobs/etl").await;
    assert_eq!(job["name"], "projects/q/locations/asia-northeast3/jobs/etl");
    assert_eq!(job["terminalCondition"]["state"], "CONDITION_SUCCEEDED");
    assert_eq!(job["template"]["template"]["maxRetries"], 0);
    let jobs = read(&sim, &format!("{PLACE}/jobs")).await;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_is_created_read_changed_run_and_deleted() {
    let sim = Simulator::builder().start().await.unwrap();
    let jobs = format!("{PLACE}/jobs");
    let (status, operation) = post(&sim, &format!("{jobs}?jobId=etl"), &body()).await;
    assert_eq!(
        (status, &operation["done"]),
        (200, &json!(true)),
        "{operation}"
    );
    assert_eq!(
        operation["response"]["@type"],
        "type.googleapis.com/google.cloud.run.v2.Job"
    );
    let job = read(&sim, ETL).await;
    assert_eq!(job["template"]["template"]["maxRetries"], 3);
    assert_eq!(
        (&job["template"]["taskCount"], &job["generation"]),
        (&json!(1), &json!("1"))
    );
    let (status, again) = post(&sim, &format!("{jobs}?jobId=etl"), &body()).await;
    assert_eq!(
        (status, &again["error"]["status"]),
        (409, &json!("ALREADY_EXISTS"))
    );
    let mut changed = job.clone();
    changed["template"]["taskCount"] = json!(2);
    assert_eq!(
        send(request(&sim, "PATCH", ETL).json(&changed)).await.0,
        200
    );
    assert_eq!(read(&sim, ETL).await["generation"], "2");
    assert_eq!(
        send(request(&sim, "PATCH", ETL).json(&changed)).await.0,
        409,
        "the etag is now old"
    );
    let execution = run(&sim, &json!({})).await;
    sim.wait_for(|state| state.executions[0].counts.succeeded == 2)
        .await;
    assert_eq!(delete(&sim, ETL).await.0, 200);
    assert_eq!(
        (get(&sim, ETL).await.0, get(&sim, &execution).await.0),
        (404, 404)
    );
}

#[tokio::test]
async fn a_start_token_names_the_execution() {
    let sim = Simulator::builder()
        .job("etl", JobScript::hold())
        .start()
        .await
        .unwrap();
    let mut with_token = body();
    with_token["startExecutionToken"] = json!("k1");
    let (status, _) = post(&sim, &format!("{PLACE}/jobs?jobId=other"), &with_token).await;
    assert_eq!(status, 200);
    assert_eq!(
        get(&sim, &format!("{PLACE}/jobs/other/executions/other-k1"))
            .await
            .0,
        200
    );
    assert_eq!(
        post(&sim, &format!("{PLACE}/jobs?jobId=other"), &with_token)
            .await
            .0,
        409
    );
    with_token["startExecutionToken"] = json!("k".repeat(60));
    assert_eq!(
        post(&sim, &format!("{PLACE}/jobs?jobId=third"), &with_token)
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn bad_jobs_are_refused() {
    let sim = simulator(JobScript::hold()).await;
    let create = |id: &str| format!("{PLACE}/jobs?jobId={id}");
    for id in ["", "Etl", "1etl", "etl-"] {
        assert_eq!(post(&sim, &create(id), &body()).await.0, 400, "{id}");
    }
    let no_image = json!({"template": {"template": {"containers": [{}]}}});
    for wrong in [
        json!({}),
        no_image,
        json!({"template": {"tasks": 1}}),
        json!({"launchStage": "SOON"}),
    ] {
        assert_eq!(post(&sim, &create("x"), &wrong).await.0, 400, "{wrong}");
    }
    let (_, answer) = post(&sim, &create("x"), &json!({"template": {"tasks": 1}})).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert_eq!(
        said,
        "Invalid JSON payload received. Unknown name \"tasks\" at 'job.template': Cannot find field."
    );
}

#[tokio::test]
async fn an_execution_can_be_deleted() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    assert_eq!(delete(&sim, &format!("{path}?etag=%22old%22")).await.0, 409);
    let (status, operation) = delete(&sim, &path).await;
    assert_eq!(
        (status, operation["response"]["deleteTime"].is_string()),
        (200, true)
    );
    assert_eq!(get(&sim, &path).await.0, 404);
    assert_eq!(read(&sim, ETL).await["executionCount"], 1);
    let named = format!("/v2/{}", operation["name"].as_str().unwrap());
    assert_eq!(
        (
            get(&sim, &named).await.0,
            delete(&sim, &named).await.0,
            get(&sim, &named).await.0
        ),
        (200, 200, 404)
    );
}
