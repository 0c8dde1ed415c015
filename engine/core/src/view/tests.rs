//! The object of the contract, over runs that are queued, live, failed and done.

use noctule_executor::{ErrorClass, ExecutorError, Outcome};
use serde_json::{Value, json};

use super::RunView;
use super::sample::{Story, dag, task};

fn seen(story: &Story) -> Value {
    serde_json::to_value(RunView::of(&story.dag, &story.run)).unwrap()
}

fn two() -> Story {
    Story::of(dag(vec![
        task("first", &[], 0),
        task("second", &["first"], 1),
    ]))
}

#[test]
fn a_queued_run_has_every_field_of_the_contract() {
    let view = seen(&two());
    for field in [
        "id",
        "dag",
        "state",
        "trigger",
        "ingestion_id",
        "logical_time",
        "created_at",
        "started_at",
        "ended_at",
        "tasks",
        "profile",
        "version",
        "round",
        "params",
    ] {
        assert!(view.get(field).is_some(), "{field}");
    }
    assert_eq!(view["state"], "queued");
    assert_eq!(view["trigger"], "manual");
    assert_eq!(view["created_at"], "2026-01-13T14:40:00.000Z");
    assert_eq!(view["started_at"], Value::Null);
    let task = &view["tasks"][0];
    assert_eq!(task["map_key"], Value::Null);
    assert_eq!(task["attempts"], json!([]));
}

#[test]
fn a_live_attempt_is_told_with_its_handle_and_without_what_only_the_engine_needs() {
    let mut story = two();
    story.begin().admit("first").working("first");
    let view = seen(&story);
    assert_eq!(view["tasks"][0]["state"], "running");
    let attempt = &view["tasks"][0]["attempts"][0];
    assert_eq!(attempt["state"], "running");
    assert_eq!(attempt["number"], 1);
    assert_eq!(attempt["handle"]["execution_name"], "x-1");
    assert_eq!(attempt["ended_at"], Value::Null);
    assert_eq!(attempt["error"], Value::Null);
    let text = view.to_string();
    assert!(
        !text.contains("nobody's business") && !text.contains("token"),
        "{text}"
    );
}

#[test]
fn a_failure_tells_its_class_its_message_and_its_exit_code() {
    let mut story = two();
    story
        .begin()
        .admit("first")
        .working("first")
        .failed("first", ErrorClass::User, "exit code 3");
    let view = seen(&story);
    assert_eq!(view["state"], "failed");
    assert_eq!(view["tasks"][0]["state"], "failed");
    let attempt = &view["tasks"][0]["attempts"][0];
    assert_eq!(
        attempt["error"],
        json!({ "class": "user", "message": "exit code 3", "exit_code": 3 })
    );
    assert_eq!(attempt["output"], json!({ "exit_code": 3 }));
    assert_eq!(view["tasks"][1]["state"], "upstream_failed");
}

#[test]
fn a_success_tells_its_output() {
    let mut story = Story::of(dag(vec![task("only", &[], 0)]));
    story.begin().admit("only").working("only");
    story.finished(
        "only",
        Outcome::Succeeded {
            output: json!({ "exit_code": 0 }),
        },
    );
    let view = seen(&story);
    assert_eq!(view["state"], "succeeded");
    assert_eq!(view["tasks"][0]["attempts"][0]["output"]["exit_code"], 0);
    assert_eq!(view["tasks"][0]["attempts"][0]["error"], Value::Null);
}

#[test]
fn a_launch_that_is_not_known_tells_what_came_back() {
    let mut story = two();
    story.begin().admit("first").refused(
        "first",
        ExecutorError::Unknown {
            message: "the connection was cut".to_owned(),
        },
    );
    let attempt = &seen(&story)["tasks"][0]["attempts"][0];
    assert_eq!(attempt["state"], "launching");
    assert_eq!(attempt["handle"], Value::Null);
    assert_eq!(attempt["trouble"], "the connection was cut");
}

#[test]
fn work_that_is_being_stopped_says_so_in_run_and_attempt() {
    let mut story = two();
    story.begin().admit("first").working("first").cancel();
    let view = seen(&story);
    assert_eq!(view["stopping"], "cancel");
    assert_eq!(view["tasks"][0]["attempts"][0]["state"], "cancelling");
    assert_eq!(view["tasks"][1]["state"], "cancelled");
    assert_eq!(view["tasks"][1]["why"], "the run was cancelled");
}
