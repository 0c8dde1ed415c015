//! Lists: order, pages, and executions that are slow to appear.

use std::time::Duration;

use noctule_cloud_run::simulator::{JobScript, Simulator};
use serde_json::{Value, json};

use crate::client::{ETL, PLACE, id, post, read, run, simulator};

async fn listed(sim: &Simulator, path: &str) -> Vec<String> {
    let body = read(sim, path).await;
    let list = body["executions"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|one| format!("/v2/{}", one["name"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn executions_are_listed_newest_first_for_a_job_and_for_a_region() {
    let builder = Simulator::builder()
        .job("etl", JobScript::hold())
        .job("other", JobScript::hold());
    let sim = builder.start().await.unwrap();
    let (first, second) = (run(&sim, &json!({})).await, run(&sim, &json!({})).await);
    assert_eq!(
        post(&sim, &format!("{PLACE}/jobs/other:run"), &json!({}))
            .await
            .0,
        200
    );
    let elsewhere = PLACE.replace("us-central1", "europe-west3");
    assert_eq!(
        post(&sim, &format!("{elsewhere}/jobs/etl:run"), &json!({}))
            .await
            .0,
        200
    );
    assert_eq!(
        listed(&sim, &format!("{ETL}/executions")).await,
        [second.clone(), first.clone()]
    );
    let all = listed(&sim, &format!("{PLACE}/jobs/-/executions")).await;
    assert_eq!((all.len(), &all[1..]), (3, &[second, first][..]));
}

#[tokio::test]
async fn pages_neither_repeat_nor_miss_while_executions_come() {
    let sim = simulator(JobScript::hold()).await;
    let mut old = Vec::new();
    for _ in 0..5 {
        old.push(run(&sim, &json!({})).await);
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let body = read(
            &sim,
            &format!("{ETL}/executions?pageSize=2&pageToken={token}"),
        )
        .await;
        let page: &Vec<Value> = body["executions"].as_array().unwrap();
        assert!(page.len() <= 2);
        seen.extend(
            page.iter()
                .map(|one| format!("/v2/{}", one["name"].as_str().unwrap())),
        );
        run(&sim, &json!({})).await;
        token = body["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if token.is_empty() {
            break;
        }
    }
    old.reverse();
    assert_eq!(seen, old);
}

#[tokio::test]
async fn a_new_execution_may_be_slow_to_appear_in_lists() {
    let sim = simulator(JobScript::hold()).await;
    let shown = run(&sim, &json!({})).await;
    sim.hold_lists();
    let hidden = run(&sim, &json!({})).await;
    let path = format!("{ETL}/executions");
    assert_eq!(listed(&sim, &path).await, std::slice::from_ref(&shown));
    let job = read(&sim, ETL).await;
    assert_eq!(
        (
            &job["executionCount"],
            &job["latestCreatedExecution"]["name"]
        ),
        (&json!(2), &json!(id(&hidden)))
    );
    assert_eq!(read(&sim, &hidden).await["taskCount"], 1);
    sim.release_lists();
    assert_eq!(listed(&sim, &path).await, [hidden, shown]);
    sim.lag_lists(Duration::from_secs(3600));
    assert_eq!(listed(&sim, &path).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_empty_list_is_an_empty_message() {
    let sim = simulator(JobScript::hold()).await;
    assert_eq!(read(&sim, &format!("{ETL}/executions")).await, json!({}));
}
