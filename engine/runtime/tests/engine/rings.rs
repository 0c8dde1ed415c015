//! DAGs that lead back to themselves are errors before anything runs; and without a store nothing is acted on.

use std::collections::BTreeMap;

use noctule_core::source::{FileText, Inputs, load_project};
use noctule_executor::Registry;
use noctule_executor_testing::{Scripted, ScriptedWorld};
use noctule_runtime::executors::with_dags;

fn start(id: &str, to: &str, more: &str) -> String {
    format!("id = \"{id}\"\n[tasks.t]\nexecutor = \"dag\"\n{more}with = {{ dag = \"{to}\" }}\n")
}

fn wait(id: &str, to: &str, more: &str) -> String {
    format!(
        "id = \"{id}\"\n[tasks.t]\nexecutor = \"dag_sensor\"\nwith = {{ dag = \"{to}\"{more} }}\n"
    )
}

/// What is said of these files, and the DAGs that are good.
fn read(dags: &[String]) -> (Vec<String>, Vec<String>) {
    let registry = with_dags(Registry::new()).with(Scripted::new(ScriptedWorld::new()));
    let paths: Vec<String> = (0..dags.len()).map(|i| format!("{i}.toml")).collect();
    let files: Vec<FileText<'_>> = paths
        .iter()
        .zip(dags)
        .map(|(path, text)| FileText { path, text })
        .collect();
    let env = BTreeMap::new();
    let loaded = load_project(&Inputs {
        project: None,
        dags: &files,
        profile: None,
        env: &env,
        flags: &[],
        registry: &registry,
        now: chrono::Utc::now(),
    });
    let ids = loaded.dags.iter().map(|dag| dag.definition.id.to_string());
    let said = loaded
        .diagnostics
        .errors()
        .chain(loaded.diagnostics.remarks());
    (
        said.map(|said| said.message.clone()).collect(),
        ids.collect(),
    )
}

#[test]
fn a_ring_of_starts_is_an_error_with_its_path() {
    let (said, good) = read(&[start("a", "a", "")]);
    assert_eq!(said, ["this DAG starts itself again and again: a -> a"]);
    assert!(good.is_empty());
    let (said, good) = read(&[
        start("a", "b", "wait = \"detach\"\n"),
        start("b", "c", ""),
        start("c", "a", ""),
        start("d", "a", ""),
    ]);
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(
        said[0],
        "this DAG starts itself again and again: a -> b -> c -> a"
    );
    assert_eq!(good, ["d"], "who only leads into a ring is not in it");
}

#[test]
fn a_ring_of_waits_is_an_error_and_a_detached_start_is_none() {
    let (said, good) = read(&[start("a", "b", ""), wait("b", "a", "")]);
    assert_eq!(said[0], "this DAG waits for its own end: a -> b -> a");
    assert!(good.is_empty());
    let (said, good) = read(&[start("a", "b", "wait = \"detach\"\n"), wait("b", "a", "")]);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(good.len(), 2);
    let yesterday = ", ingestion_id = \"{{ run.previous.logical_time | date('%Y%m%d%H%M%S') }}\"";
    let (said, good) = read(&[wait("a", "a", yesterday), wait("b", "b", ", task = \"u\"")]);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(good.len(), 2);
}

#[test]
fn a_start_that_holds_a_slot_is_remarked_on() {
    let (said, good) = read(&[start("a", "b", "wait = \"block\"\n")]);
    assert_eq!(
        said,
        ["task `t` holds a slot while the DAG that it starts needs slots itself"]
    );
    assert_eq!(good, ["a"]);
}

#[test]
fn mistakes_of_the_tables_are_told_at_their_places() {
    let with = |text: &str| {
        let (mut said, _) = read(&[text.to_owned()]);
        assert_eq!(said.len(), 1, "{said:?}");
        said.remove(0)
    };
    let at = with("[tasks.t]\nexecutor = \"dag\"\nwith = { dag = \"b\", at = \"yesterday\" }\n");
    assert!(at.contains("it is no instant"), "{at}");
    let id = with("[tasks.t]\nexecutor = \"dag\"\nwith = { dag = \"b\", ingestion_id = \"1\" }\n");
    assert!(id.contains("not an ingestion id"), "{id}");
    let states =
        with("[tasks.t]\nexecutor = \"dag_sensor\"\nwith = { dag = \"b\", states = [] }\n");
    assert!(states.contains("wait for ever"), "{states}");
    let skipped = with(
        "[tasks.t]\nexecutor = \"dag_sensor\"\nwith = { dag = \"b\", states = [\"skipped\"] }\n",
    );
    assert!(skipped.contains("no run is ever `skipped`"), "{skipped}");
}

#[tokio::test]
async fn without_a_store_every_call_is_refused() {
    let registry = with_dags(Registry::new());
    for kind in ["dag", "dag_sensor"] {
        let executor = registry.get(kind).unwrap();
        let attempt = noctule_executor_testing::attempt("t", serde_json::json!({ "dag": "b" }));
        let request = executor.request(&attempt, None).unwrap();
        let context = noctule_executor_testing::context(None);
        let refused = executor
            .launch(&context, &attempt, &request)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("made for checking"),
            "{refused}"
        );
    }
}
