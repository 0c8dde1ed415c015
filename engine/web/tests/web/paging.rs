//! Pages of runs: complete, without doubles, while others are made.

use std::collections::BTreeSet;

use serde_json::json;

use crate::stage::{HELD, QUICK, Stage};

/// Walks all pages; `between` happens after each.
async fn walk(stage: &Stage, query: &str, between: impl AsyncFn()) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = stage.get(&format!("/api/v1/runs?{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|run| run["id"].as_str().unwrap().to_owned()),
        );
        between().await;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_hold_every_run_once_while_others_are_made() {
    let stage = Stage::new(&[QUICK, HELD]).await;
    let mut there = BTreeSet::new();
    for _ in 0..23 {
        there.insert(stage.trigger("held").await);
    }
    let making = async || {
        stage.trigger("quick").await;
        stage.trigger("held").await;
    };
    for limit in [1, 4, 7, 23, 200] {
        let seen = walk(&stage, &format!("limit={limit}"), &making).await;
        let unique: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(
            unique.len(),
            seen.len(),
            "limit {limit}: a run stands twice"
        );
        assert!(
            unique.is_superset(&there),
            "limit {limit}: a run is missing"
        );
        assert!(
            seen.is_sorted_by(|a, b| a > b),
            "limit {limit}: not newest first"
        );
    }
    let held = walk(&stage, "limit=3&dag=held", async || {}).await;
    let quick = walk(&stage, "limit=3&dag=quick", async || {}).await;
    assert!(held.iter().all(|run| !quick.contains(run)));
    assert!(held.len() > quick.len() && !quick.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_found_by_state_time_and_ingestion_id() {
    let stage = Stage::new(&[QUICK, HELD]).await;
    let quick = stage.trigger("quick").await;
    stage.over(&quick).await;
    let made = stage
        .post(
            "/api/v1/dags/held/runs",
            json!({ "ingestion_id": "20260113140000" }),
        )
        .await
        .json();
    let held = made["id"].as_str().unwrap();
    for (query, found) in [
        ("state=succeeded", vec![quick.as_str()]),
        ("ingestion_id=20260113140000", vec![held]),
        ("ingestion_id=20260113140001", vec![]),
        ("since=2020-01-01T00:00:00Z&dag=held", vec![held]),
        ("since=2999-01-01T00:00:00Z", vec![]),
        ("state=failed", vec![]),
    ] {
        assert_eq!(walk(&stage, query, async || {}).await, found, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_read_in_pages() {
    let stage = Stage::new(&[QUICK]).await;
    let run = stage.trigger("quick").await;
    stage.over(&run).await;
    let whole = stage
        .get(&format!("/api/v1/runs/{run}/events?limit=200"))
        .await
        .json();
    let whole = whole["items"].as_array().unwrap().clone();
    assert!(whole.len() > 5, "{whole:?}");
    assert_eq!(whole[0]["kind"], "run_created");
    let mut parts = Vec::new();
    let mut after = 0;
    loop {
        let target = format!("/api/v1/runs/{run}/events?limit=2&after={after}");
        let page = stage.get(&target).await.json();
        parts.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(parts, whole);
}
