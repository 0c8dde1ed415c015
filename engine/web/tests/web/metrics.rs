//! What is counted, as Prometheus reads it.

use std::collections::BTreeSet;

use serde_json::json;

use crate::stage::{BAD, HELD, QUICK, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_counted_once_and_what_is_there_is_measured() {
    let stage = Stage::new(&[QUICK, BAD, HELD]).await;
    for dag in ["quick", "quick", "bad"] {
        let target = format!("/api/v1/dags/{dag}/runs?wait=60s");
        let ended = stage.post(&target, json!({})).await;
        assert!(!ended.json()["ended_at"].is_null());
    }
    stage.trigger("held").await;
    stage
        .world
        .until(|ledger| (ledger.works.len() == 4).then_some(()))
        .await;
    let answer = stage.get("/metrics").await;
    let kind = answer.header("content-type").unwrap().to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = answer.text();
    for line in [
        "noctule_engine 1",
        "noctule_runs_created_total{dag=\"quick\",trigger=\"manual\"} 2",
        "noctule_runs_ended_total{dag=\"quick\",state=\"succeeded\"} 2",
        "noctule_runs_ended_total{dag=\"bad\",state=\"failed\"} 1",
        "noctule_launches_total{executor=\"scripted\",step=\"intended\"} 4",
        "noctule_attempts_ended_total{executor=\"scripted\",state=\"succeeded\",class=\"\"} 2",
        "noctule_runs{state=\"running\"} 1",
        "noctule_runs{state=\"queued\"} 0",
        "noctule_slots 8",
        "noctule_dags 3",
    ] {
        assert!(text.lines().any(|there| there == line), "{line}:\n{text}");
    }
    assert!(text.contains("noctule_commit_seconds_count"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
}

/// Of a project without pools, in which nothing has run.
const SILENT: [&str; 9] = [
    "noctule_attempts_ended",
    "noctule_launches",
    "noctule_polls",
    "noctule_pool_slots",
    "noctule_pool_slots_held",
    "noctule_refused_writes",
    "noctule_runs_created",
    "noctule_runs_ended",
    "noctule_task_runs",
];

/// The names in a text, without what a kind of meter adds to its name.
fn named(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
    let names = text.split(word).filter(|word| word.starts_with("noctule_"));
    let suffixes = ["_total", "_bucket", "_count"];
    let bare = |name: &str| {
        let cut = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        cut.unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_names_every_meter_and_the_dashboard_none_that_is_not_there() {
    let stage = Stage::new(&[QUICK]).await;
    let text = stage.get("/metrics").await.text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> = types
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    let documented = named(include_str!("../../../../docs/metrics.md"));
    let unknown: Vec<_> = there.difference(&documented).collect();
    assert!(unknown.is_empty(), "not documented: {unknown:?}");
    // What has had no label yet is not shown.
    let silent: Vec<_> = documented.difference(&there).map(String::as_str).collect();
    assert_eq!(silent, SILENT);
    let drawn = named(include_str!("../../../../docs/dashboard.json"));
    let unknown: Vec<_> = drawn.difference(&documented).collect();
    assert!(unknown.is_empty(), "drawn, and not there: {unknown:?}");
}
