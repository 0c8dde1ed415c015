//! What is refused, and in which words.

use noctule_cloud_run::simulator::JobScript;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::client::{ETL, PLACE, get, post, read, request, run, send, simulator};

async fn refusal(body: Value) -> (u16, String, String) {
    let sim = simulator(JobScript::hold()).await;
    let (status, answer) = post(&sim, &format!("{ETL}:run"), &body).await;
    assert_eq!(
        sim.executions().len(),
        0,
        "a refused request must not be acted on"
    );
    assert_eq!(sim.runs_sent(), 1);
    let text = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
    (status, text("status"), text("message"))
}

#[tokio::test]
async fn an_unknown_name_is_refused_in_googles_words() {
    let (status, code, message) = refusal(json!({"overrides": {"x": 1}})).await;
    assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"));
    assert_eq!(
        message,
        "Invalid JSON payload received. Unknown name \"x\" at 'overrides': Cannot find field."
    );
}

#[tokio::test]
async fn wrong_types_are_refused() {
    let env = |value: Value| json!({"overrides": {"containerOverrides": [{"env": [{"name": "A", "value": value}]}]}});
    for body in [
        env(json!(5)),
        env(json!(true)),
        json!({"overrides": {"timeout": 60}}),
        json!({"overrides": {"timeout": "60"}}),
        json!({"overrides": {"taskCount": "many"}}),
        json!({"overrides": {"containerOverrides": {"env": []}}}),
        json!({"overrides": {"containerOverrides": [{"args": [1]}]}}),
        json!([]),
    ] {
        let (status, code, _) = refusal(body.clone()).await;
        assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"), "{body}");
    }
}

#[tokio::test]
async fn what_is_outside_the_limits_is_refused() {
    for overrides in [
        json!({"taskCount": 10_001}),
        json!({"taskCount": -1}),
        json!({"timeout": "604801s"}),
        json!({"containerOverrides": [{"env": [{"name": "A", "value": "x".repeat(33_000)}]}]}),
    ] {
        let (status, _, message) = refusal(json!({"overrides": overrides})).await;
        assert_eq!(status, 400, "{message}");
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused_and_system_ones_are_not() {
    let sim = simulator(JobScript::hold()).await;
    let (status, body) = get(&sim, &format!("{ETL}?foo=1")).await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Cannot bind query parameter")
    );
    assert_eq!(
        get(&sim, &format!("{ETL}?alt=json&prettyPrint=false"))
            .await
            .0,
        200
    );
    assert_eq!(
        get(&sim, &format!("{ETL}/executions?pageSize=ten")).await.0,
        400
    );
    assert_eq!(
        get(&sim, &format!("{ETL}/executions?pageToken=made-up"))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn enums_are_numbers_when_asked_for() {
    let sim = simulator(JobScript::hold().queued()).await;
    let execution = run(&sim, &json!({})).await;
    let plain = read(&sim, &execution).await;
    let numbers = read(
        &sim,
        &format!("{execution}?%24alt=json%3Benum-encoding%3Dint"),
    )
    .await;
    assert_eq!(plain["conditions"][0]["state"], "CONDITION_RECONCILING");
    assert_eq!(numbers["conditions"][0]["state"], 2);
    assert_eq!(numbers["launchStage"], 4);
}

#[tokio::test]
async fn a_missing_job_is_not_found() {
    let sim = simulator(JobScript::hold()).await;
    let (status, body) = post(&sim, &format!("{PLACE}/jobs/nope:run"), &json!({})).await;
    assert_eq!(
        (status, &body["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
    assert_eq!(body["error"]["code"], 404);
    assert_eq!(get(&sim, &format!("{ETL}/executions/nope")).await.0, 404);
    assert_eq!(
        get(&sim, &format!("{PLACE}/jobs/nope/executions")).await.0,
        404
    );
    assert_eq!(get(&sim, &format!("{PLACE}/operations/nope")).await.0, 404);
}

#[tokio::test]
async fn a_path_google_does_not_have_answers_a_page() {
    let sim = simulator(JobScript::hold()).await;
    for (method, path) in [("GET", "/v3/x".to_owned()), ("GET", format!("{ETL}:run"))] {
        let response = request(&sim, method, &path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 404);
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
}

#[tokio::test]
async fn a_post_without_a_length_is_refused_with_a_page() {
    let sim = simulator(JobScript::hold()).await;
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let head = format!("POST {ETL}:run HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
    assert!(answer.contains("text/html"));
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let sim = simulator(JobScript::hold()).await;
    let form = request(&sim, "POST", &format!("{ETL}:run"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("{\"overrides\":{}}");
    assert_eq!(send(form).await.0, 400);
    let response = request(&sim, "GET", ETL).send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "application/json; charset=UTF-8"
    );
}

#[tokio::test]
async fn a_demanded_token_has_to_be_the_right_one() {
    let sim = simulator(JobScript::hold()).await;
    sim.require_token(Some("secret"));
    let (status, body) = get(&sim, ETL).await;
    assert_eq!(
        (status, &body["error"]["status"]),
        (401, &json!("UNAUTHENTICATED"))
    );
    assert_eq!(
        send(request(&sim, "GET", ETL).bearer_auth("stale")).await.0,
        401
    );
    assert_eq!(
        send(request(&sim, "GET", ETL).bearer_auth("secret"))
            .await
            .0,
        200
    );
    sim.require_token(None);
    assert_eq!(get(&sim, ETL).await.0, 200);
}

#[tokio::test]
async fn another_version_of_the_job_is_a_conflict() {
    let sim = simulator(JobScript::hold()).await;
    let (status, body) = post(&sim, &format!("{ETL}:run"), &json!({"etag": "\"old\""})).await;
    assert_eq!((status, &body["error"]["status"]), (409, &json!("ABORTED")));
    let etag = read(&sim, ETL).await["etag"].clone();
    assert_eq!(
        post(&sim, &format!("{ETL}:run"), &json!({"etag": etag}))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_request_only_to_be_checked_changes_nothing() {
    let sim = simulator(JobScript::hold()).await;
    let (status, body) = post(&sim, &format!("{ETL}:run"), &json!({"validateOnly": true})).await;
    assert_eq!((status, &body["done"]), (200, &json!(true)));
    assert_eq!(sim.executions().len(), 0);
}

#[tokio::test]
async fn every_request_is_recorded_as_it_came() {
    let sim = simulator(JobScript::hold()).await;
    let env = json!([{"name": "NOCTULE_ATTEMPT_KEY", "value": "k1"}]);
    let body = json!({"overrides": {"containerOverrides": [{"env": env}]}});
    let sent = request(&sim, "POST", &format!("{ETL}:run?alt=json"))
        .header("x-a", "1")
        .json(&body);
    assert_eq!(send(sent).await.0, 200);
    let requests = sim.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        ("POST", format!("{ETL}:run").as_str())
    );
    assert_eq!(requests[0].query.as_deref(), Some("alt=json"));
    assert_eq!(
        (requests[0].header("x-a"), requests[0].json()),
        (Some("1"), body)
    );
    assert_eq!(
        requests[0].override_env("NOCTULE_ATTEMPT_KEY").as_deref(),
        Some("k1")
    );
}
