//! Asking for runs: once, however often it is asked.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Ask;
use crate::stage::{BAD, HELD, QUICK, Stage, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_equal_requests_at_once_make_one_run() {
    let stage = Stage::new(&[HELD]).await;
    let ask = Ask::post(
        "/api/v1/dags/held/runs",
        &json!({ "idempotency_key": "night" }),
    );
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (ask, address) = (ask.clone(), stage.address);
        asking.spawn(async move { ask.send(address).await });
    }
    let answers = asking.join_all().await;
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.json()["id"].as_str().unwrap().to_owned())
        .collect();
    let made = answers.iter().filter(|answer| answer.status == 202).count();
    let known = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((made, known, ids.len()), (1, 49, 1));
    let runs = stage.get("/api/v1/runs").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    let other = json!({ "idempotency_key": "night", "params": { "day": "another" } });
    let answer = stage.post("/api/v1/dags/held/runs", other).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "idempotency_key_taken")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_made_as_it_was_asked_for_and_says_who_asked() {
    let stage = Stage::new(&[HELD]).await;
    let body = json!({
        "params": { "day": "monday" }, "ingestion_id": "20260113", "at": "2026-01-13T23:00:00+09:00",
    });
    let made = stage.post("/api/v1/dags/held/runs", body).await;
    assert_eq!(made.status, 202);
    let run = made.json();
    let id = run["id"].as_str().unwrap();
    assert_eq!(
        made.header("location"),
        Some(format!("/api/v1/runs/{id}").as_str())
    );
    assert_eq!(run["params"]["day"], "monday");
    assert_eq!(run["ingestion_id"], "20260113");
    assert_eq!(run["logical_time"], "2026-01-13T14:00:00.000Z");
    assert_eq!(
        (&run["trigger"], &run["triggered_by"]),
        (&json!("manual"), &json!("loopback"))
    );
    let found = stage.get(&format!("/api/v1/runs/{id}")).await.json();
    assert_eq!(found["id"], run["id"]);
    assert_eq!(
        stage.post("/api/v1/dags/none/runs", json!({})).await.code(),
        "no_such_dag"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_hears_the_end_at_once_or_that_it_is_not_there_yet() {
    let stage = Stage::new(&[HELD, BAD]).await;
    let waited = stage
        .post("/api/v1/dags/bad/runs?wait=60s", json!({}))
        .await;
    let run = waited.json();
    assert_eq!((waited.status, &run["state"]), (202, &json!("failed")));
    assert_eq!(
        run["tasks"][0]["attempts"][0]["error"]["message"],
        "no good"
    );

    let began = Instant::now();
    let live = stage
        .post("/api/v1/dags/held/runs?wait=300ms", json!({}))
        .await;
    assert_ne!(live.json()["ended_at"], run["ended_at"]);
    assert!(live.json()["ended_at"].is_null());
    assert!(began.elapsed() >= Duration::from_millis(300));

    let id = live.json()["id"].as_str().unwrap().to_owned();
    // An hour is cut to the most that a request may wait, and the end comes long before.
    let target = format!("/api/v1/runs/{id}?wait=1h");
    let address = stage.address;
    let waiting = tokio::spawn(async move { Ask::get(&target).send(address).await });
    stage
        .world
        .until(|ledger| (!ledger.works.is_empty()).then_some(()))
        .await;
    stage.world.succeed("t");
    let answer = waiting.await.unwrap();
    assert_eq!(answer.json()["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_its_engine_looks_and_passes_on_what_it_is_asked() {
    let stage = Stage::unattached(&[QUICK], settings()).await;
    assert_eq!(stage.get("/healthz").await.status, 200);
    assert_eq!(stage.get("/readyz").await.status, 503);
    assert_eq!(stage.get("/api/v1/runs").await.status, 200);
    // The engine behind it publishes by itself, and has the store.
    stage.dag_is_known("quick").await;
    stage.trigger("quick").await;
    stage.web.attach(stage.control.clone()).unwrap();
    assert_eq!(stage.get("/readyz").await.status, 200);
    stage.trigger("quick").await;
    stage.web.stand(noctule_web::Stand::Draining);
    assert_eq!(stage.get("/readyz").await.status, 503);
}
