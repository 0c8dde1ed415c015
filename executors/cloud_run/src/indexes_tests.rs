//! What becomes of indexes over several tries.

use serde_json::{Value, json};

use super::*;

fn result(index: u64, state: TaskState, exit_code: Option<i64>) -> TaskResult {
    TaskResult {
        exit_code,
        ..TaskResult::only(index, state)
    }
}

fn ok(index: u64) -> TaskResult {
    result(index, TaskState::Succeeded, Some(0))
}

fn bad(index: u64) -> TaskResult {
    result(index, TaskState::Failed, Some(4))
}

/// The output of a try: the counts of its execution, with what is told of the indexes.
fn output(part: Option<&Part>, tasks: u64, read: Vec<TaskResult>) -> Value {
    let good = read
        .iter()
        .filter(|task| task.state == TaskState::Succeeded)
        .count() as u64;
    let mut output = json!({ "task_count": tasks, "succeeded_count": good });
    let left_off = tasks - read.len() as u64;
    told(&mut output, part, Some(read), left_off, good == tasks);
    output
}

fn states(output: &Value) -> Vec<String> {
    let told = output["tasks"].as_array().unwrap();
    told.iter()
        .map(|task| format!("{} {}", task["index"], task["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_further_try_runs_what_did_not_succeed_by_its_index_of_the_whole() {
    let first = output(None, 5, vec![ok(0), bad(1), ok(2), bad(3), ok(4)]);
    let second = Part::after(Some(&first), 5).unwrap();
    assert_eq!(listed(Some(&second), 5), "1,3");
    // Position 0 is index 1, position 1 is index 3.
    let output_of_second = output(Some(&second), 2, vec![ok(0), bad(1)]);
    assert_eq!(
        states(&output_of_second),
        [
            "0 succeeded",
            "1 succeeded",
            "2 succeeded",
            "3 failed",
            "4 succeeded"
        ]
    );
    assert_eq!(
        (
            &output_of_second["task_count"],
            &output_of_second["succeeded_count"]
        ),
        (&json!(5), &json!(4))
    );
    let third = Part::after(Some(&output_of_second), 5).unwrap();
    assert_eq!(listed(Some(&third), 5), "3");
    let last = output(Some(&third), 1, vec![ok(0)]);
    assert_eq!(last["succeeded_count"], 5);
    assert!(
        states(&last)
            .iter()
            .all(|state| state.ends_with("succeeded"))
    );
}

#[test]
fn all_is_run_where_nothing_certain_is_known() {
    let whole = || output(None, 3, vec![ok(0), bad(1), ok(2)]);
    assert!(Part::after(Some(&whole()), 3).is_some());
    let changed = |change: fn(&mut Value)| {
        let mut output = whole();
        change(&mut output);
        Part::after(Some(&output), 3)
    };
    assert_eq!(Part::after(None, 3), None);
    assert_eq!(Part::after(Some(&whole()), 4), None, "another count");
    for change in [
        (|output| output["tasks"] = Value::Null) as fn(&mut Value),
        |output| output["tasks"] = json!("none"),
        |output| output["tasks"][0]["index"] = json!(1),
        |output| output["tasks"][0]["index"] = json!(3),
        |output| drop(output.as_object_mut().unwrap().remove("tasks")),
        |output| output["tasks"][1]["state"] = json!("succeeded"),
        |output| {
            output["tasks"][0]["state"] = json!("failed");
            output["tasks"][2]["state"] = json!("cancelled");
        },
    ] {
        assert_eq!(changed(change), None);
    }
}

#[test]
fn what_is_not_said_to_have_succeeded_is_run_again() {
    let told = [
        ok(0),
        result(1, TaskState::Cancelled, None),
        result(2, TaskState::Unknown, None),
    ];
    let mut first = output(None, 5, told.to_vec());
    // Indexes 3 and 4 are missing altogether, and a word of a later version means nothing certain.
    assert_eq!(first["tasks_left_off"], 2);
    first["tasks"][2]["state"] = json!("paused");
    let part = Part::after(Some(&first), 5).unwrap();
    assert_eq!(part.indexes, [1, 2, 3, 4]);
}

#[test]
fn a_part_whose_tasks_cannot_be_read_is_known_by_its_end() {
    let first = output(None, 3, vec![ok(0), bad(1), bad(2)]);
    let part = Part::after(Some(&first), 3).unwrap();
    for (all_good, succeeded, expected) in [
        (true, 2, ["0 succeeded", "1 succeeded", "2 succeeded"]),
        (false, 1, ["0 succeeded", "1 unknown", "2 unknown"]),
    ] {
        let mut output = json!({ "task_count": 2, "succeeded_count": succeeded });
        told(&mut output, Some(&part), None, 0, all_good);
        assert_eq!(states(&output), expected);
    }
}

#[test]
fn a_first_try_lists_every_index() {
    assert_eq!(listed(None, 3), "0,1,2");
    assert_eq!(listed(None, 1), "0");
}

#[test]
fn at_most_a_thousand_are_told_and_the_rest_counted() {
    let output = output(None, 1_500, (0..1_000).map(ok).collect());
    assert_eq!(output["tasks"].as_array().unwrap().len(), 1_000);
    assert_eq!(output["tasks_left_off"], 500);
}

#[test]
fn a_part_survives_its_request() {
    let first = output(None, 3, vec![ok(0), bad(1), bad(2)]);
    let part = Part::after(Some(&first), 3).unwrap();
    let request = json!({ "body": {}, "part": part });
    assert_eq!(Part::of_request(&request), Some(part));
    assert_eq!(Part::of_request(&json!({ "body": {} })), None);
}

#[test]
fn a_task_has_succeeded_only_where_it_says_so_and_nothing_speaks_against_it() {
    let completed = |state: &str, reason: &str| json!([{ "type": "Completed", "state": state, "executionReason": reason }]);
    for (task, expected) in [
        (json!({}), TaskState::Unknown),
        (json!({ "lastAttemptResult": {} }), TaskState::Succeeded),
        (
            json!({ "lastAttemptResult": { "exitCode": 4 } }),
            TaskState::Failed,
        ),
        (
            json!({ "conditions": completed("CONDITION_SUCCEEDED", "") }),
            TaskState::Succeeded,
        ),
        (
            json!({ "conditions": [{ "type": "Completed", "state": 4 }] }),
            TaskState::Succeeded,
        ),
        (
            json!({ "conditions": completed("CONDITION_SUCCEEDED", ""), "lastAttemptResult": { "exitCode": 1 } }),
            TaskState::Failed,
        ),
        (
            json!({ "conditions": completed("CONDITION_FAILED", "NON_ZERO_EXIT_CODE") }),
            TaskState::Failed,
        ),
        (
            json!({ "conditions": completed("CONDITION_FAILED", "CANCELLED") }),
            TaskState::Cancelled,
        ),
        (
            json!({ "conditions": completed("CONDITION_RECONCILING", ""), "lastAttemptResult": {} }),
            TaskState::Unknown,
        ),
    ] {
        assert_eq!(TaskResult::read(&task).state, expected, "{task}");
    }
    let task = json!({ "index": 2, "retried": 1, "lastAttemptResult": { "termSignal": 9 } });
    assert_eq!(
        serde_json::to_value(TaskResult::read(&task)).unwrap(),
        json!({ "index": 2, "state": "failed", "exit_code": null, "signal": 9, "retried": 1 })
    );
}
