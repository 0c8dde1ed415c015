//! Cancelling, retrying, marking, pausing: tried first, done once, and refused by a stable code.

use noctule_core::run::{Fact, StopWhy};
use serde_json::json;

use crate::client::Ask;
use crate::stage::{BAD, HELD, QUICK, Stage};

async fn facts(stage: &Stage, run: &str) -> Vec<Fact> {
    let records = stage.store.records(&run.parse().unwrap(), 0, 1_000).await;
    let records = records.unwrap().into_iter();
    records.map(|(_, record)| record.fact).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_says_who_cancelled_it_and_is_cancelled_once() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    let target = format!("/api/v1/runs/{run}/cancel");
    let tried = stage
        .post(&format!("{target}?dry_run=true"), json!({}))
        .await
        .json();
    assert_eq!(tried["tasks"], json!(["t", "after"]));
    assert_eq!(tried["dry_run"], true);
    let before = facts(&stage, &run).await;
    assert!(
        !before
            .iter()
            .any(|fact| matches!(fact, Fact::RunStopping { .. }))
    );

    let done = stage
        .post(&target, json!({ "reason": "wrong night" }))
        .await;
    assert_eq!((done.status, &done.json()["dry_run"]), (200, &json!(false)));
    stage.over(&run).await;
    let stop = facts(&stage, &run)
        .await
        .into_iter()
        .find_map(|fact| match fact {
            Fact::RunStopping {
                stop: StopWhy::Cancelled { by, reason },
            } => Some((by.name, by.via, reason)),
            _ => None,
        });
    let said = (
        "loopback".to_owned(),
        "api".to_owned(),
        Some("wrong night".to_owned()),
    );
    assert_eq!(stop, Some(said));
    let again = stage.post(&target, json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "run_is_over"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_takes_what_failed_and_is_refused_where_nothing_did() {
    let stage = Stage::new(&[BAD, QUICK, HELD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    let target = format!("/api/v1/runs/{run}/retry");
    let tried = stage
        .post(&format!("{target}?dry_run=true"), json!({}))
        .await
        .json();
    assert_eq!(tried["tasks"], json!(["t", "after"]));
    let summary = stage
        .store
        .summary(&run.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(summary.round, 1, "a trial touches nothing");
    let done = stage
        .post(&target, json!({ "tasks": ["t"], "reason": "again" }))
        .await;
    assert_eq!(done.json()["tasks"], json!(["t"]));
    stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;

    let unknown = stage.post(&target, json!({ "tasks": ["x[../y]"] })).await;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (404, "no_such_task")
    );
    let both = stage
        .post(&target, json!({ "tasks": ["t"], "all": true }))
        .await;
    assert_eq!(both.code(), "invalid_body");
    let good = stage.trigger("quick").await;
    stage.over(&good).await;
    let none = stage
        .post(&format!("/api/v1/runs/{good}/retry"), json!({}))
        .await;
    assert_eq!((none.status, none.code().as_str()), (409, "nothing_failed"));
    let live = stage.trigger("held").await;
    let early = stage
        .post(&format!("/api/v1/runs/{live}/retry"), json!({}))
        .await;
    assert_eq!((early.status, early.code().as_str()), (409, "run_is_live"));
    assert_eq!(
        stage
            .post("/api/v1/runs/none/retry", json!({}))
            .await
            .code(),
        "no_such_run"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_marked_by_its_id() {
    let stage = Stage::new(&[BAD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    let id = stage.task(&run, "t").await;
    let target = format!("/api/v1/task-runs/{id}/mark");
    let body = json!({ "state": "succeeded", "reason": "done by hand" });
    let tried = stage
        .post(&format!("{target}?dry_run=true"), body.clone())
        .await
        .json();
    assert_eq!(tried["tasks"], json!(["t"]));
    assert!(
        !facts(&stage, &run)
            .await
            .iter()
            .any(|fact| matches!(fact, Fact::TaskMarked { .. }))
    );
    assert_eq!(stage.post(&target, body).await.status, 200);
    let marked = facts(&stage, &run)
        .await
        .into_iter()
        .find_map(|fact| match fact {
            Fact::TaskMarked { by, reason, .. } => Some((by.via, reason)),
            _ => None,
        });
    assert_eq!(
        marked,
        Some(("api".to_owned(), Some("done by hand".to_owned())))
    );
    for body in [
        json!({ "state": "cancelled" }),
        json!({}),
        json!({ "state": "running" }),
    ] {
        assert_eq!(stage.post(&target, body).await.code(), "invalid_body");
    }
    let long = json!({ "state": "failed", "reason": "x".repeat(1_001) });
    assert_eq!(stage.post(&target, long).await.code(), "invalid_body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_is_paused_and_resumed_and_says_by_whom() {
    let stage = Stage::new(&[QUICK]).await;
    let (pause, resume) = ("/api/v1/dags/quick/pause", "/api/v1/dags/quick/resume");
    let first = stage
        .post(pause, json!({ "reason": "maintenance" }))
        .await
        .json();
    let second = stage.post(pause, json!({})).await.json();
    assert_eq!(
        (&first["existing"], &second["existing"]),
        (&json!(false), &json!(true))
    );
    let dag = stage.get("/api/v1/dags/quick").await.json();
    assert_eq!(dag["state"], "paused");
    assert_eq!(dag["paused"]["by"], "loopback");
    assert_eq!(dag["paused"]["reason"], "maintenance");
    assert_eq!(
        Ask::new("POST", resume).send(stage.address).await.status,
        200
    );
    assert_eq!(
        stage.get("/api/v1/dags/quick").await.json()["state"],
        "active"
    );
    for target in ["/api/v1/dags/none/pause", "/api/v1/dags/none/resume"] {
        assert_eq!(stage.post(target, json!({})).await.code(), "no_such_dag");
    }
}
