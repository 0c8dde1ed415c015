//! The verdict table: each row of what a task may say, with what it means.

use chrono::{DateTime, Utc};
use noctule_executor::Outcome;
use serde_json::json;

use super::{Verdict, verdict};
use crate::record::{ContainerRecord, Record};

fn moment(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(1_768_305_600 + seconds, 0)
}

fn container(name: &str, exit_code: Option<i32>, reason: &str) -> ContainerRecord {
    ContainerRecord {
        name: name.to_owned(),
        exit_code,
        reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
    }
}

/// A stopped task that ran, with a container `main`.
fn stopped(code: &str, reason: &str, main: Option<i32>) -> Record {
    Record {
        arn: "arn:aws:ecs:us-east-1:1:task/c/0a1b".to_owned(),
        last_status: "STOPPED".to_owned(),
        stop_code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        stopped_reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        created_at: moment(0),
        started_at: moment(10),
        stopped_at: moment(60),
        containers: vec![container("main", main, "")],
        ..Record::default()
    }
}

fn unstarted(code: &str, reason: &str, main: Option<i32>) -> Record {
    Record {
        started_at: None,
        ..stopped(code, reason, main)
    }
}

fn with(record: Record, containers: Vec<ContainerRecord>) -> Record {
    Record {
        containers,
        ..record
    }
}

/// The word of a verdict, short enough for a table.
fn word(record: &Record, judged: &[&str]) -> String {
    let judged: Vec<_> = judged.iter().map(|&name| name.to_owned()).collect();
    match verdict(record, &judged) {
        Verdict::Queued => "queued".to_owned(),
        Verdict::Running { .. } => "running".to_owned(),
        Verdict::Stopping { .. } => "stopping".to_owned(),
        Verdict::Ended(finished) => match finished.outcome {
            Outcome::Succeeded { .. } => "succeeded".to_owned(),
            Outcome::Cancelled { .. } => "cancelled".to_owned(),
            Outcome::Failed { class, .. } => format!("failed {class}"),
        },
    }
}

#[test]
fn nothing_but_stopped_is_an_end() {
    for (status, expected) in [
        ("PROVISIONING", "queued"),
        ("PENDING", "queued"),
        ("ACTIVATING", "queued"),
        ("", "queued"),
        ("SOMETHING_NEW", "queued"),
        ("RUNNING", "running"),
        ("DEACTIVATING", "stopping"),
        ("STOPPING", "stopping"),
        ("DEPROVISIONING", "stopping"),
        ("STOPPED", "succeeded"),
        ("DELETED", "succeeded"),
    ] {
        let record = Record {
            last_status: status.to_owned(),
            ..stopped("EssentialContainerExited", "", Some(0))
        };
        assert_eq!(word(&record, &["main"]), expected, "{status}");
    }
}

#[test]
fn the_end_of_one_container() {
    const EXITED: &str = "EssentialContainerExited";
    const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s):";
    for (code, reason, exit, expected) in [
        (EXITED, "", Some(0), "succeeded"),
        ("", "", Some(0), "succeeded"),
        (EXITED, "", Some(1), "failed user"),
        (EXITED, "", Some(137), "failed user"),
        (EXITED, "", Some(-1), "failed user"),
        (EXITED, "", None, "failed user"),
        ("", "", None, "failed user"),
        // Whatever the exit code says, it never ran.
        ("TaskFailedToStart", "", Some(0), "failed never_started"),
        (
            "TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets",
            None,
            "failed never_started",
        ),
        (
            "TaskFailedToStart",
            "Timeout waiting for network interface provisioning",
            None,
            "failed never_started",
        ),
        (
            "TaskFailedToStart",
            &format!("{PULL} repository x not found"),
            None,
            "failed config",
        ),
        (
            "TaskFailedToStart",
            &format!("{PULL} manifest unknown"),
            None,
            "failed config",
        ),
        (
            "TaskFailedToStart",
            &format!("{PULL} dial tcp: i/o timeout: not found"),
            None,
            "failed never_started",
        ),
        (
            "TaskFailedToStart",
            &format!("{PULL} AccessDeniedException"),
            None,
            "failed permission",
        ),
        (
            "UserInitiated",
            "Task stopped by user",
            Some(0),
            "cancelled",
        ),
        (
            "UserInitiated",
            "Task stopped by user",
            Some(143),
            "cancelled",
        ),
        ("UserInitiated", "Task stopped by user", None, "cancelled"),
        ("ServiceSchedulerInitiated", "", Some(143), "cancelled"),
        (
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            Some(143),
            "failed infrastructure",
        ),
        (
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            Some(0),
            "failed infrastructure",
        ),
        ("TerminationNotice", "", Some(137), "failed infrastructure"),
        ("InfrastructureHealth", "", None, "failed infrastructure"),
        // A word that ECS may add is never a success.
        ("SomethingNew", "", Some(0), "failed unknown"),
        ("SomethingNew", "", Some(3), "failed user"),
    ] {
        let record = stopped(code, reason, exit);
        assert_eq!(
            word(&record, &["main"]),
            expected,
            "{code} {reason} {exit:?}"
        );
        assert_eq!(
            word(&record, &[]),
            expected,
            "all: {code} {reason} {exit:?}"
        );
    }
}

#[test]
fn work_that_never_began_has_not_failed_by_itself() {
    let record = unstarted("EssentialContainerExited", "", None);
    assert_eq!(word(&record, &["main"]), "failed never_started");
    let containers = vec![container(
        "main",
        None,
        "CannotPullContainerError: image: not found",
    )];
    let record = with(unstarted("TaskFailedToStart", "", None), containers);
    assert_eq!(word(&record, &["main"]), "failed config");
}

#[test]
fn only_judged_containers_count() {
    let ended = || stopped("EssentialContainerExited", "", None);
    let sidecar = |code| container("proxy", code, "");
    for (main, proxy, named, essentials) in [
        (Some(0), Some(143), "succeeded", "failed user"),
        (Some(0), Some(137), "succeeded", "failed user"),
        (Some(0), None, "succeeded", "failed user"),
        (Some(0), Some(0), "succeeded", "succeeded"),
        (Some(2), Some(0), "failed user", "failed user"),
        (None, Some(0), "failed user", "failed user"),
    ] {
        let record = with(ended(), vec![sidecar(proxy), container("main", main, "")]);
        assert_eq!(word(&record, &["main"]), named, "{main:?} {proxy:?}");
        assert_eq!(
            word(&record, &["main", "proxy"]),
            essentials,
            "{main:?} {proxy:?}"
        );
    }
}

#[test]
fn a_judged_container_without_a_record_is_no_success() {
    let record = with(stopped("EssentialContainerExited", "", None), Vec::new());
    assert_eq!(word(&record, &["main"]), "failed unknown");
    assert_eq!(word(&record, &[]), "failed unknown");
    let record = stopped("EssentialContainerExited", "", Some(0));
    assert_eq!(word(&record, &["other"]), "failed unknown");
    // One of two is there and fine; the other is not known.
    assert_eq!(word(&record, &["main", "other"]), "failed unknown");
}

#[test]
fn the_message_and_the_output_tell_the_end() {
    let containers = vec![container(
        "main",
        Some(137),
        "OutOfMemoryError: Container killed due to memory usage",
    )];
    let record = with(
        stopped(
            "EssentialContainerExited",
            "Essential container in task exited",
            None,
        ),
        containers,
    );
    let Verdict::Ended(finished) = verdict(&record, &["main".to_owned()]) else {
        panic!("it ended")
    };
    assert_eq!(
        (finished.started_at, finished.ended_at),
        (moment(10), moment(60))
    );
    let Outcome::Failed {
        message, output, ..
    } = finished.outcome
    else {
        panic!("it failed")
    };
    assert_eq!(
        message,
        "task `0a1b`: container `main` exited with 137 (killed): OutOfMemoryError: Container killed due to memory usage; \
         EssentialContainerExited; Essential container in task exited"
    );
    let output = output.expect("a failure has an output");
    assert_eq!(output["exit_code"], 137);
    assert_eq!(output["task_arn"], "arn:aws:ecs:us-east-1:1:task/c/0a1b");
    assert_eq!(output["stop_code"], "EssentialContainerExited");
    assert_eq!(
        output["containers"],
        json!([{ "name": "main", "exit_code": 137, "reason": "OutOfMemoryError: Container killed due to memory usage" }])
    );
    assert_eq!(output["started_at"], "2026-01-13T12:00:10Z");
}
