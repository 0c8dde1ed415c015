//! A night in which everything is under way or went wrong at once, and all the pages that show it.

use serde_json::{Value, json};

use crate::hostile;
use crate::seed::{stage, wide};
use crate::stage::Stage;

/// Fails with a long message; a task of it asks for a person; a third has an end that nobody knows.
const BROKEN: &str = r#"id = "broken"
description = "Loads the day, scores it and tells everybody"
owner = "data"
[tasks.load]
executor = "scripted"
wait = "block"
[tasks.score]
executor = "scripted"
wait = "block"
retries = 0
depends_on = ["load"]
with = { ends = "failed", class = "infrastructure", message = "the model of the day is missing in eu-west-1/models/2026-01-13/a-very-long-name-without-any-space-in-it.bin", log = "reading the day\nno model found\n" }
[tasks.copy]
executor = "scripted"
wait = "block"
retries = 0
with = { ends = "failed", class = "unknown", message = "the answer to the launch never came, and nothing was found" }
[tasks.tell]
executor = "scripted"
wait = "block"
depends_on = ["score", "copy"]
"#;

/// Waits: for work that goes on, for a slot of its DAG, for its next try, and for a person.
const WAITING: &str = r#"id = "waiting"
max_active_runs = 1
[tasks.held]
executor = "scripted"
with = { hold = true }
[tasks.again]
executor = "scripted"
wait = "block"
retries = { max = 3, delay = "1h" }
with = { ends = "failed", class = "infrastructure", message = "not yet" }
[tasks.asks]
executor = "scripted"
poll_interval = "5ms"
with = { hold = true, poll = "alarm" }
[tasks.last]
executor = "scripted"
depends_on = ["held", "again", "asks"]
"#;

/// One task with two hundred items, some of which fail.
fn many() -> String {
    let items: Vec<String> = (0..200).map(|item| format!("shop-{item:03}")).collect();
    format!(
        "id = \"many\"\n[tasks.t]\nexecutor = \"scripted\"\nwait = \"block\"\nmap = {items:?}\nmap_key = \"{{{{ item }}}}\"\n\
         [tasks.after]\nexecutor = \"scripted\"\nwait = \"block\"\ndepends_on = [\"t\"]\n"
    )
}

/// A page: where it is, and what it is called in pictures.
pub(crate) type Page = (String, &'static str);

async fn attempt(stage: &Stage, run: &str, task: &str) -> String {
    let id = stage.task(run, task).await;
    format!("/runs/{run}/tasks/{id}/attempts/1")
}

/// Seven days of the nightly copies, of which the first goes on.
async fn backfilled(stage: &Stage) -> String {
    let body = json!({ "from": "2026-01-10", "to": "2026-01-16", "reason": "late files" });
    let made = stage.post("/api/v1/dags/nightly/backfills", body).await;
    assert_eq!(made.status, 202, "{made:?}");
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Until something is so in what an address of the API says.
async fn until(stage: &Stage, target: &str, holds: impl Fn(&Value) -> bool) {
    let mut token = stage.store.change_token().await.unwrap();
    while !holds(&stage.get(target).await.json()) {
        let wait = std::time::Duration::from_secs(5);
        token = stage.store.changed_since(token, wait).await.unwrap();
    }
}

/// The night, and its pages.
pub(crate) async fn bad_night() -> (Stage, Vec<Page>) {
    let (nightly, many, evil) = (wide("nightly", 60), many(), hostile::dag());
    let dags = [nightly.as_str(), BROKEN, WAITING, &many, &evil];
    let stage = stage(&dags, &[(0, 50)]).await;
    stage.world.hold("load_table_000");
    let broken = stage.trigger("broken").await;
    let many = stage.trigger("many").await;
    let evil = stage.trigger("evil").await;
    for run in [&broken, &many, &evil] {
        stage.over(run).await;
    }
    let waiting = stage.trigger("waiting").await;
    let queued = stage.trigger("waiting").await;
    stage.world.launched("held").await;
    let tasks = format!("/api/v1/runs/{waiting}/tasks?task=asks");
    until(&stage, &tasks, |seen| {
        seen["items"][0]["attempts"][0]["alarm"].is_string()
    })
    .await;
    let backfill = backfilled(&stage).await;
    let progress = format!("/api/v1/backfills/{backfill}");
    until(&stage, &progress, |seen| seen["progress"]["running"] == 1).await;
    let paused = stage.post(
        "/api/v1/dags/evil/pause",
        json!({ "reason": hostile::EVIL }),
    );
    assert_eq!(paused.await.status, 200);
    let of = |path: &str, name| (path.to_owned(), name);
    let mut pages = vec![
        of("/", "tonight"),
        of("/dags/nightly", "grid"),
        of("/dags/nightly/history", "history"),
        of("/dags/nightly/nights", "nights"),
        of("/dags/nightly/definition", "definition"),
        of("/dags/nightly/graph", "graph"),
        of("/dags/evil", "evil-grid"),
        of("/dags/evil/trigger", "trigger"),
        of("/health", "health"),
        of("/dags/none", "problem"),
        (
            format!("/dags/nightly/nights?backfill={backfill}"),
            "backfill",
        ),
        (format!("/runs/{broken}"), "run-failed"),
        (format!("/runs/{waiting}"), "run-waiting"),
        (format!("/runs/{queued}"), "run-queued"),
        (format!("/runs/{many}?task=t"), "run-many"),
        (format!("/runs/{evil}"), "run-evil"),
    ];
    for (run, task, name) in [
        (&broken, "score", "attempt-failed"),
        (&broken, "copy", "attempt-unknown"),
        (&waiting, "asks", "attempt-asks"),
        (&evil, "t", "attempt-evil"),
    ] {
        pages.push((attempt(&stage, run, task).await, name));
    }
    (stage, pages)
}
