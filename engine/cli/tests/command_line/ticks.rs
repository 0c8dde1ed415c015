//! `next`: coming ticks.

use serde_json::json;

use crate::projects::{HELLO, Project};

fn project(zone: &str, cron: &str) -> Project {
    Project::of(&format!(
        "[schedule]\ncron = \"{cron}\"\ntimezone = \"{zone}\"\n{HELLO}"
    ))
}

#[test]
fn ticks_are_strictly_after_from_and_up_to_to() {
    let project = project("Asia/Seoul", "0 21 * * *");
    let args = [
        "next",
        "d",
        "--from",
        "2026-01-13 21:00",
        "--to",
        "2026-01-15 21:00",
        "-o",
        "json",
    ];
    let ticks = project.noctule(&args).with_code(0).json();
    let utc: Vec<_> = ticks
        .as_array()
        .unwrap()
        .iter()
        .map(|tick| tick["utc"].clone())
        .collect();
    assert_eq!(
        utc,
        [
            json!("2026-01-14T12:00:00.000Z"),
            json!("2026-01-15T12:00:00.000Z")
        ]
    );
    let first = json!({ "local": "2026-01-14T21:00:00+09:00", "utc": "2026-01-14T12:00:00.000Z",
        "ingestion_id": "20260114120000", "remark": null });
    assert_eq!(ticks[0], first);
}

#[test]
fn a_change_of_the_clocks_is_remarked() {
    let project = project("America/New_York", "30 2 * * *");
    let args = [
        "next",
        "d",
        "--from",
        "2026-03-07 12:00",
        "--count",
        "1",
        "-o",
        "jsonl",
    ];
    let tick = project.noctule(&args).with_code(0).json();
    assert!(
        tick["remark"].as_str().unwrap().contains("does not exist"),
        "{tick}"
    );
    assert_eq!(tick["utc"], "2026-03-08T07:00:00.000Z");
}

#[test]
fn a_dag_without_a_schedule_says_so_and_gives_an_empty_list() {
    let told = Project::of(HELLO)
        .noctule(&["next", "d", "-o", "json"])
        .with_code(0)
        .saying("has no [schedule]");
    assert_eq!(told.json(), json!([]));
}

#[test]
fn wrong_times_and_counts_are_usage_errors() {
    let project = project("UTC", "@daily");
    for args in [
        &["next", "d", "--from", "soon"][..],
        &["next", "d", "--count", "0"],
        &["next", "d", "--to", "20261350"],
    ] {
        project.noctule(args).with_code(2);
    }
    project.noctule(&["next", "nope"]).with_code(3);
}
