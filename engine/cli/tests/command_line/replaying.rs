//! Decisions made again: from the store alone, and different where the store is.

use serde_json::{Value, json};

use crate::forging::by_hand;
use crate::projects::{HELLO, Project};

fn after_a_run() -> Project {
    let project = Project::of(HELLO);
    project
        .noctule(&["run", "d", "--ingestion-id", "20260113140000"])
        .with_code(1);
    project
}

/// Writes another text into the rows of the store.
fn forge(project: &Project, was: &str, is: &str) {
    let changed = by_hand(
        project,
        &[
            "UPDATE records SET body = replace(body, ?1, ?2) WHERE instr(body, ?1)",
            "UPDATE task_runs SET body = replace(body, ?1, ?2) WHERE instr(body, ?1)",
        ],
        (was, is),
    );
    assert!(changed > 0, "`{was}` is not in the store");
}

#[test]
fn a_recorded_run_makes_the_same_decisions_again_without_its_files() {
    let project = after_a_run();
    std::fs::remove_dir_all(project.path().join("dags")).unwrap();
    let before = project.files();
    let told = project.noctule(&["replay", "@latest"]).with_code(0).stdout;
    let last = told.lines().last().unwrap();
    assert!(
        last.starts_with("identical: ") && last.ends_with("; the state is the stored one"),
        "{told}"
    );
    for text in [
        "there is a place for the run",
        "a slot for say",
        "attempt intended",
        "send the request",
        "it failed (user)",
        "run failed",
    ] {
        assert!(told.contains(text), "`{text}` is missing: {told}");
    }
    let whole = project
        .noctule(&["replay", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(whole["identical"], true);
    assert_eq!(whole["difference"], Value::Null);
    let replayed = whole["replayed"].as_array().unwrap();
    assert_eq!(whole["events"], replayed.len());
    assert_eq!(replayed[0]["heard"]["event"], "begin");
    assert_eq!(replayed[1]["heard"]["tasks"], json!(["say"]));
    assert_eq!(replayed[1]["to_do"][0]["activity"], "launch");
    let launched = &replayed[2]["heard"];
    assert_eq!(launched["task"], "say");
    assert!(launched["news"]["handle"]["public"].is_object());
    assert!(launched["news"]["handle"].get("raw").is_none());
    let lines = project
        .noctule(&["replay", "@latest", "-o", "jsonl"])
        .with_code(0)
        .stdout;
    assert_eq!(lines.lines().count(), replayed.len() + 1);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["decisions"], whole["decisions"]);
    assert_eq!(project.files(), before, "a look leaves nothing");
}

#[test]
fn the_journal_that_people_read_is_what_happened_and_not_what_was_heard() {
    let project = after_a_run();
    let events = project
        .noctule(&["events", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    let whole = project
        .noctule(&["replay", "@latest", "-o", "json"])
        .with_code(0)
        .json();
    let events = events.as_array().unwrap();
    for event in events {
        assert!(event.get("heard").is_none(), "{event}");
        assert_ne!(event["kind"], "noted");
    }
    let decisions: Vec<&Value> = whole["replayed"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|event| event["decisions"].as_array().unwrap())
        .collect();
    // The creation is the one thing that nobody decided.
    assert_eq!(events[0]["kind"], "run_created");
    assert_eq!(events[1..].iter().collect::<Vec<_>>(), decisions);
}

#[test]
fn a_record_that_does_not_come_out_again_is_shown_and_ends_with_one() {
    let project = after_a_run();
    forge(
        &project,
        r#""kind":"run_started","round":1"#,
        r#""kind":"run_started","round":7"#,
    );
    let told = project.noctule(&["replay", "@latest"]).with_code(1).stdout;
    assert!(
        told.contains("record 2: recorded was 7 in `/fact/round`, and now comes 1"),
        "{told}"
    );
    let whole = project
        .noctule(&["replay", "@latest", "-o", "json"])
        .with_code(1)
        .json();
    assert_eq!(whole["identical"], false);
    project.noctule(&["replay", "--all"]).with_code(1);
}

#[test]
fn a_state_that_the_journal_does_not_make_is_shown_with_its_place() {
    let project = after_a_run();
    forge(&project, r#""exit_code":0"#, r#""exit_code":4"#);
    let told = project.noctule(&["replay", "@latest"]).with_code(1).stdout;
    assert!(
        told.contains("the output of attempt 1 is not the one that was heard"),
        "{told}"
    );
    let project = after_a_run();
    forge(&project, r#""earlier":0"#, r#""earlier":3"#);
    let told = project.noctule(&["replay", "@latest"]).with_code(1).stdout;
    assert!(
        told.contains("task say/earlier: stored is 3, and the journal makes 0"),
        "{told}"
    );
}

#[test]
fn a_run_of_an_earlier_noctule_is_said_to_be_one() {
    let project = after_a_run();
    forge(&project, r#""heard":"#, r#""found":"#);
    project
        .noctule(&["replay", "@latest"])
        .with_code(4)
        .saying("recorded by an earlier noctule: it cannot be replayed");
    project.noctule(&["events", "@latest"]).with_code(0);
    let all = project
        .noctule(&["replay", "--all", "-o", "json"])
        .with_code(0)
        .json();
    assert_eq!(all[0]["identical"], Value::Null);
}

#[test]
fn all_runs_of_a_dag_are_a_line_each() {
    let project = after_a_run();
    project.noctule(&["run", "d"]).with_code(1);
    let all = project
        .noctule(&["replay", "--all", "--dag", "d", "-o", "json"])
        .with_code(0)
        .json();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|run| run["identical"] == true), "{all:?}");
    let none = project.noctule(&["replay", "--all", "--dag", "other"]);
    assert_eq!(none.with_code(0).stdout, "");
    project.noctule(&["replay"]).with_code(2);
    project
        .noctule(&["replay", "@latest", "--all"])
        .with_code(2);
    project
        .noctule(&["replay", "--all", "--dag", "a b"])
        .with_code(2)
        .saying("is no id of a DAG");
}
