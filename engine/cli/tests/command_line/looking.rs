//! Looks at a run that has ended.

use noctule_store::{OpenOptions, RunFilter, Store};
use serde_json::Value;

use crate::projects::{HELLO, Project};

fn after_a_run() -> Project {
    let project = Project::of(HELLO);
    project
        .noctule(&["run", "d", "--ingestion-id", "20260113140000"])
        .with_code(1);
    project
}

#[test]
fn a_run_that_ended_can_be_looked_at_from_every_side() {
    let project = after_a_run();
    let shown = project
        .noctule(&["show", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["tasks"][0]["attempts"][0]["output"]["exit_code"], 0);
    assert_eq!(shown["tasks"][1]["attempts"][0]["error"]["class"], "user");
    assert_eq!(shown["tasks"][1]["attempts"][0]["error"]["exit_code"], 3);

    let id = shown["id"].as_str().unwrap();
    for name in [id, "d@latest", "d@20260113140000"] {
        let same = project
            .noctule(&["show", name, "-o", "json"])
            .with_code(0)
            .json();
        assert_eq!(same["id"], id);
    }
    let runs = project.noctule(&["runs", "-o", "json"]).with_code(0).json();
    assert_eq!(runs[0]["id"], id);
    assert!(runs[0].get("tasks").is_none());
    assert_eq!(
        project
            .noctule(&["runs", "--state", "succeeded", "-o", "json"])
            .json(),
        serde_json::json!([])
    );

    let events = project
        .noctule(&["events", "@latest", "-o", "jsonl"])
        .with_code(0)
        .stdout;
    let kinds: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(kinds.first().unwrap(), "run_created");
    assert_eq!(kinds.last().unwrap(), "run_ended");

    let explained = project
        .noctule(&["explain", "@latest", "after"])
        .with_code(0)
        .stdout;
    assert!(
        explained.contains("`after` failed at") && explained.contains("noctule retry"),
        "{explained}"
    );
    project
        .noctule(&["explain", "@latest", "nope"])
        .with_code(3)
        .saying("it has say, after");
    project.noctule(&["graph", "--run", "@latest"]).with_code(0);
}

#[test]
fn logs_are_the_bytes_of_the_task_and_nothing_else() {
    let project = after_a_run();
    assert_eq!(
        project
            .noctule(&["logs", "@latest", "say"])
            .with_code(0)
            .stdout,
        "hello world\nagain\n"
    );
    assert_eq!(
        project
            .noctule(&["logs", "@latest", "say", "--tail", "1"])
            .with_code(0)
            .stdout,
        "again\n"
    );
    assert_eq!(
        project
            .noctule(&["logs", "@latest", "say", "-f", "--attempt", "all"])
            .with_code(0)
            .stdout,
        "hello world\nagain\n"
    );
    assert_eq!(
        project
            .noctule(&["logs", "@latest", "after"])
            .with_code(0)
            .stdout,
        ""
    );
    project
        .noctule(&["logs", "@latest", "say", "--attempt", "7"])
        .with_code(3);
    project
        .noctule(&["logs", "@latest", "say", "--attempt", "last"])
        .with_code(2);
    project
        .noctule(&["logs", "@latest"])
        .with_code(2)
        .saying("name one: say, after");
}

/// The requests that the newest run of a project has stored, with its id and their keys.
fn stored(project: &Project) -> (String, Vec<(String, String)>) {
    let options = OpenOptions {
        profile: "default".parse().unwrap(),
        new_id: "00000000".parse().unwrap(),
        now: chrono::Utc::now(),
        base: project.path().to_owned(),
        create: false,
        hook: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open("sqlite://.noctule/default/state.db", options)
            .await
            .unwrap();
        let found = store.find_runs(&RunFilter::default()).await.unwrap();
        let run = store.run(&found[0].facts.id).await.unwrap().unwrap();
        let attempts = run.tasks.iter().flat_map(|task| &task.attempts);
        let requests = attempts.map(|attempt| {
            (
                attempt.key.to_string(),
                attempt.prepared.request.canonical(),
            )
        });
        (run.facts.id.to_string(), requests.collect())
    })
}

#[test]
fn what_was_planned_is_what_was_stored_byte_for_byte() {
    let project = Project::of(&HELLO.replace(
        "with.command = [\"sh\", \"-c\", \"exit 3\"]",
        "with.command = [\"echo\", \"{{ run.id }} {{ tasks.say.output.exit_code }}\"]",
    ));
    let given = ["--ingestion-id", "20260113140000", "--param", "who=you"];
    let plan = project
        .noctule(&[&["plan", "d", "-o", "json"][..], &given].concat())
        .with_code(0)
        .json();
    project
        .noctule(&[&["run", "d"][..], &given].concat())
        .with_code(0);
    let (id, requests) = stored(&project);
    assert_eq!(requests.len(), 2);
    for (planned, (key, request)) in plan.as_array().unwrap().iter().zip(requests) {
        let planned = planned["request"].to_string();
        let put_in = planned
            .replace("<run.id>", &id)
            .replace("<attempt key>", &key)
            .replace("<tasks.say.output.exit_code>", "0");
        assert_eq!(put_in, request);
    }
}
