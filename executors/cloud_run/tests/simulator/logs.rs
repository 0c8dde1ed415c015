//! Cloud Logging as far as the lines of jobs need it.

use noctule_cloud_run::simulator::{JobScript, Simulator};
use serde_json::{Value, json};

use crate::client::{id, post, run, run_to_the_end, shell, simulator};

fn filter(execution: &str) -> String {
    format!(
        "resource.type=\"cloud_run_job\" resource.labels.job_name=\"etl\" resource.labels.location=\"us-central1\" \
         labels.\"run.googleapis.com/execution_name\"=\"{execution}\" NOT logName:\"cloudaudit.googleapis.com\""
    )
}

async fn entries(sim: &Simulator, request: &Value) -> (Vec<Value>, String) {
    let (status, body) = post(sim, "/v2/entries:list", request).await;
    assert_eq!(status, 200, "{body}");
    let list = body["entries"].as_array().cloned().unwrap_or_default();
    (
        list,
        body["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

#[tokio::test]
async fn output_becomes_entries_with_log_and_severity() {
    let sim = simulator(shell("echo out; echo err >&2; exit 3")).await;
    let ended = run_to_the_end(&sim, &json!({})).await;
    let filter = filter(id(ended["name"].as_str().unwrap()));
    let read = |filter: String| json!({"resourceNames": ["projects/p"], "filter": filter, "orderBy": "timestamp asc"});
    let (found, _) = entries(&sim, &read(filter.clone())).await;
    assert_eq!(found.len(), 3, "the audit entry is filtered out: {found:?}");
    let entry = |text: &str| found.iter().find(|one| one["textPayload"] == text).unwrap();
    let (out, err) = (entry("out"), entry("err"));
    let log = "projects/p/logs/run.googleapis.com%2F";
    assert_eq!(
        (&out["logName"], &out["severity"]),
        (&json!(format!("{log}stdout")), &json!(null))
    );
    assert_eq!(
        (&err["logName"], &err["severity"]),
        (&json!(format!("{log}stderr")), &json!("ERROR"))
    );
    assert_ne!(out["insertId"], err["insertId"]);
    assert_eq!(found[2]["textPayload"], "Container called exit(3).");
    let since = format!("{filter} timestamp>={}", found[1]["timestamp"]);
    assert_eq!(entries(&sim, &read(since)).await.0, found[1..]);
}

#[tokio::test]
async fn lines_are_there_while_the_container_still_runs() {
    let sim = simulator(shell("printf 'first\\n'; while :; do sleep 0.01; done")).await;
    let path = run(&sim, &json!({})).await;
    let request = json!({"resourceNames": ["projects/p"], "filter": filter(id(&path))});
    let mut found = Vec::new();
    while found.is_empty() {
        found = entries(&sim, &request).await.0;
    }
    assert_eq!(found[0]["textPayload"], "first");
    assert!(!sim.executions()[0].ended);
}

#[tokio::test]
async fn pages_of_entries_follow_each_other_in_both_directions() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    for line in 0..5 {
        sim.write_log(id(&path), &format!("{line}")).unwrap();
    }
    for (order, expected) in [("timestamp asc", "01234"), ("timestamp desc", "43210")] {
        let (mut seen, mut token) = (String::new(), String::new());
        loop {
            let request = json!({"resourceNames": ["projects/p"], "filter": filter(id(&path)), "orderBy": order,
                "pageSize": 2, "pageToken": token});
            let (page, next) = entries(&sim, &request).await;
            seen.extend(page.iter().map(|one| one["textPayload"].as_str().unwrap()));
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn structured_lines_become_payloads() {
    let sim = simulator(JobScript::hold()).await;
    let path = run(&sim, &json!({})).await;
    sim.write_log(
        id(&path),
        r#"{"severity": "WARNING", "message": "low", "left": 3}"#,
    )
    .unwrap();
    let (found, _) = entries(
        &sim,
        &json!({"resourceNames": ["projects/p"], "filter": "severity>=WARNING"}),
    )
    .await;
    assert_eq!(
        found[0]["jsonPayload"],
        json!({"message": "low", "left": 3})
    );
}

#[tokio::test]
async fn requests_for_logs_are_strict_too() {
    let sim = simulator(JobScript::hold()).await;
    for wrong in [
        json!({"filter": ""}),
        json!({"resourceNames": ["p"]}),
        json!({"resourceNames": ["projects/p"], "orderBy": "insertId"}),
        json!({"resourceNames": ["projects/p"], "filter": "a OR b"}),
        json!({"resourceNames": ["projects/p"], "pageSize": -1}),
        json!({"resourceNames": ["projects/p"], "limit": 1}),
    ] {
        assert_eq!(
            post(&sim, "/v2/entries:list", &wrong).await.0,
            400,
            "{wrong}"
        );
    }
    let path = run(&sim, &json!({})).await;
    sim.write_log(id(&path), "x").unwrap();
    assert!(
        entries(&sim, &json!({"resourceNames": ["projects/other"]}))
            .await
            .0
            .is_empty()
    );
}
