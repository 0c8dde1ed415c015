//! What is told of DAGs, runs and tasks.

use noctule_core::view::RunView;
use serde_json::{Value, json};

use crate::stage::{HELD, QUICK, Stage};

const NIGHTLY: &str = "id = \"nightly\"\ndescription = \"every night\"\n[schedule]\ncron = \"0 23 * * *\"\ntimezone = \"Asia/Seoul\"\n\
    [tasks.t]\nexecutor = \"scripted\"\n";
/// Items whose names are anything but names.
const MAPPED: &str = "id = \"mapped\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\n\
    map = [\"a/b\", \"../x\", \"<script>\", \"ü?&=%00\"]\nmap_key = \"{{ item }}\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dag_is_told_with_its_versions_and_its_ticks() {
    let stage = Stage::new(&[NIGHTLY, QUICK]).await;
    let all = stage.get("/api/v1/dags").await.json();
    let ids: Vec<&Value> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dag| &dag["dag"])
        .collect();
    assert_eq!(ids, [&json!("nightly"), &json!("quick")]);
    let one = stage.get("/api/v1/dags/nightly").await.json();
    assert_eq!(one, all["items"][0]);
    assert_eq!(
        (&one["state"], &one["tasks"]),
        (&json!("active"), &json!(1))
    );
    let versions = stage.get("/api/v1/dags/nightly/versions").await.json();
    let hash = versions["items"][0]["hash"].as_str().unwrap();
    assert_eq!(
        (&one["version"], &versions["items"][0]["current"]),
        (&json!(hash), &json!(true))
    );
    let version = stage
        .get(&format!("/api/v1/dags/nightly/versions/{hash}"))
        .await
        .json();
    assert_eq!(version["source"], NIGHTLY);
    // A version belongs to its own DAG.
    let other = stage
        .get(&format!("/api/v1/dags/quick/versions/{hash}"))
        .await;
    assert_eq!(other.code(), "no_such_version");
    let target = "/api/v1/dags/nightly/ticks?from=2026-01-13T00:00:00Z&limit=2";
    let ticks = stage.get(target).await.json();
    let told: Vec<&Value> = ticks["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tick| &tick["utc"])
        .collect();
    assert_eq!(
        told,
        ["2026-01-13T14:00:00.000Z", "2026-01-14T14:00:00.000Z"]
    );
    assert_eq!(ticks["items"][0]["ingestion_id"], "20260113140000");
    assert_eq!(
        stage.get("/api/v1/dags/quick/ticks").await.json()["items"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_told_as_the_command_line_tells_it() {
    let stage = Stage::new(&[QUICK]).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let told = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    let stored = stage
        .store
        .run(&run.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let version = stage
        .store
        .version(&stored.facts.version)
        .await
        .unwrap()
        .unwrap();
    let dag = noctule_core::dag::Dag::new(version.definition).unwrap();
    let view = RunView::of(&dag, &stored);
    assert_eq!(told, serde_json::to_value(&view).unwrap());
    let read: RunView = serde_json::from_value(told).unwrap();
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        serde_json::to_value(&view).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_reached_whatever_its_name_is() {
    let stage = Stage::new(&[MAPPED]).await;
    let run = stage.trigger("mapped").await;
    stage.over(&run).await;
    let all = stage.get(&format!("/api/v1/runs/{run}/tasks")).await.json();
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    for item in items {
        let id = item["id"].as_str().unwrap();
        let request = stage
            .get(&format!("/api/v1/task-runs/{id}/attempts/1/request"))
            .await;
        assert_eq!(request.json()["key"], item["attempts"][0]["key"], "{item}");
        assert_eq!(
            stage
                .get(&format!("/api/v1/task-runs/{id}/explain"))
                .await
                .status,
            200
        );
    }
    let target = format!("/api/v1/runs/{run}/tasks?task=t&map_key=..%2Fx");
    let one = stage.get(&target).await.json();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    assert_eq!(one["items"][0]["map_key"], "../x");
    let none = stage
        .get(&format!("/api/v1/runs/{run}/tasks?map_key=none"))
        .await
        .json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_why_learns_the_gate() {
    let stage = Stage::new(&[HELD]).await;
    let run = stage.trigger("held").await;
    stage.world.launched("t").await;
    let after = stage.task(&run, "after").await;
    let told = stage
        .get(&format!("/api/v1/task-runs/{after}/explain"))
        .await
        .json();
    let gates: Vec<&Value> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|why| &why["gate"])
        .collect();
    assert!(gates.contains(&&json!("upstream")), "{told}");
    let whole = stage
        .get(&format!("/api/v1/runs/{run}/explain"))
        .await
        .json();
    assert!(!whole["items"].as_array().unwrap().is_empty());
    assert_eq!(
        stage.get("/api/v1/runs/none/explain").await.code(),
        "no_such_run"
    );
}
