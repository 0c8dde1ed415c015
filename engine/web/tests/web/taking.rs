//! A retry that takes the latest definition, through the API, and the pages of a run that took one.

use serde_json::json;

use crate::stage::{BAD, Stage};

/// `first` before `t`, which is mended; `after` is gone.
const LATER: &str = "id = \"bad\"\n[tasks.first]\nexecutor = \"scripted\"\nwait = \"block\"\n[tasks.t]\nexecutor = \"scripted\"\n\
    wait = \"block\"\nretries = 0\ndepends_on = [\"first\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_takes_the_latest_definition_and_the_pages_show_the_run_under_it() {
    let stage = Stage::new(&[BAD]).await;
    let run = stage.trigger("bad").await;
    stage.over(&run).await;
    let target = format!("/api/v1/runs/{run}/retry");
    let dry = format!("{target}?dry_run=true");
    let latest = json!({ "definition": "latest" });
    let same = stage.post(&dry, latest.clone()).await.json();
    assert_eq!(same["definition"]["from"], same["definition"]["to"]);
    let strange = stage.post(&dry, json!({ "definition": "newest" })).await;
    assert_eq!(strange.code(), "invalid_body");
    let pinned = stage.post(&dry, json!({ "definition": "pinned" })).await;
    assert_eq!(pinned.json().get("definition"), None);
    stage.publish("bad", LATER).await;
    let tried = stage.post(&dry, latest.clone()).await.json();
    assert_eq!(tried["tasks"], json!(["t", "first"]));
    let difference = &tried["definition"];
    assert_eq!(
        (&difference["added"], &difference["removed"]),
        (&json!(["first"]), &json!(["after"]))
    );
    let done = stage.post(&target, latest.clone()).await.json();
    assert_eq!(done["definition"], tried["definition"]);
    let over = stage
        .until(&run, |run| run.round == 2 && run.is_over())
        .await;
    assert_eq!(over.phase.word(), "succeeded");
    let again = stage.post(&target, latest).await;
    assert_eq!(again.code(), "nothing_failed");

    let seen = stage.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(seen["version"], tried["definition"]["to"]);
    let page = |target: String| {
        let stage = &stage;
        async move {
            let answer = stage.get(&target).await;
            assert_eq!(answer.status, 200, "{target}");
            String::from_utf8_lossy(&answer.body).into_owned()
        }
    };
    let grid = page("/dags/bad".to_owned()).await;
    let row = |name: &str| {
        let (_, rest) = grid
            .split_once(&format!("<th scope=\"row\">{name}</th>"))
            .unwrap_or_else(|| panic!("no row {name} in {grid}"));
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    for name in ["first", "t"] {
        assert!(row(name).contains("<path class=\"s\""), "{}", row(name));
    }
    let tasks = page(format!("/runs/{run}")).await;
    assert!(tasks.contains("has no longer"), "{tasks}");
    let gone = stage.task(&run, "after").await;
    let mark = format!("/api/v1/task-runs/{gone}/mark?dry_run=true");
    let refused = stage.post(&mark, json!({ "state": "succeeded" })).await;
    assert_eq!(refused.code(), "no_such_task");
}
