//! Stops and tear-downs: idempotent, from the handle alone, done only when nothing is left.

use std::sync::{Arc, Mutex};

use noctule_executor::{Clearing, Draft, Executor, ExecutorError, Use};
use noctule_fargate::Handle;
use serde_json::{Value, json};

use crate::records::{KEY, arn, failure, stopped, task, tasks};
use crate::scripted::{Reply, Scripted};
use crate::sessions::{GROUP, health};
use crate::world::{at, handle, quick, word_of};

const GRACE: std::time::Duration = std::time::Duration::from_secs(30);

/// What is there, and changes as it is asked for.
struct Left {
    task: &'static str,
    target: &'static str,
}

async fn served(left: Left) -> (Scripted, Arc<Mutex<Left>>) {
    let left = Arc::new(Mutex::new(left));
    let shared = Arc::clone(&left);
    let ecs = Scripted::start(move |asked| {
        let mut left = shared.lock().unwrap();
        match asked.action().as_str() {
            "DescribeTasks" if left.task == "MISSING" => failure(&arn("t1"), "MISSING"),
            "DescribeTasks" => tasks(&[task("t1", KEY, left.task)]),
            "StopTask" if left.task == "MISSING" => Reply::error(
                400,
                "InvalidParameterException",
                "The referenced task was not found.",
            ),
            "StopTask" => {
                assert!(
                    asked.json()["reason"]
                        .as_str()
                        .unwrap()
                        .starts_with("noctule: ")
                );
                left.task = "DEACTIVATING";
                Reply::ok(json!({ "task": task("t1", KEY, "RUNNING") }))
            }
            "DescribeTargetHealth" => match left.target {
                "no group" => Reply::xml_error(400, "TargetGroupNotFound"),
                "invalid" => Reply::xml_error(400, "InvalidTarget"),
                "absent" => health("unused", "Target.NotRegistered"),
                state => health(state, ""),
            },
            "DeregisterTargets" => {
                assert_eq!(
                    asked.form("Targets.member.1.Id").as_deref(),
                    Some("10.0.0.7")
                );
                left.target = "draining";
                Reply::xml("DeregisterTargets", "")
            }
            action => panic!("nobody asks for {action}"),
        }
    })
    .await;
    (ecs, left)
}

fn behind_a_door(url: &str, more: Value) -> Handle {
    let mut all =
        json!({ "hold": true, "door": { "group": GROUP, "port": 8080, "address": "10.0.0.7" } });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    handle(url, "t1", 10, all)
}

async fn torn_down(ecs: &Scripted, handle: &Handle, usage: Use) -> Clearing {
    quick()
        .tear_down(&at(&ecs.url), handle, usage)
        .await
        .unwrap()
}

fn is_pending(clearing: Clearing) -> bool {
    matches!(clearing, Clearing::Pending { .. })
}

#[tokio::test]
async fn the_target_goes_before_the_task_and_done_is_when_nothing_is_left() {
    let (ecs, left) = served(Left {
        task: "RUNNING",
        target: "healthy",
    })
    .await;
    let handle = behind_a_door(&ecs.url, json!({}));
    assert!(is_pending(torn_down(&ecs, &handle, Use::Good).await));
    assert_eq!(
        ecs.actions(),
        [
            "DescribeTargetHealth",
            "DeregisterTargets",
            "DescribeTargetHealth",
            "DescribeTasks",
            "StopTask"
        ]
    );
    assert!(
        is_pending(torn_down(&ecs, &handle, Use::Good).await),
        "it is stopping"
    );
    left.lock().unwrap().task = "STOPPED";
    for _ in 0..2 {
        assert_eq!(torn_down(&ecs, &handle, Use::Good).await, Clearing::Done);
    }
    assert_eq!(ecs.of("DeregisterTargets").len(), 1);
}

#[tokio::test]
async fn a_task_that_stopped_with_its_target_still_in_is_not_done() {
    let left = Arc::new(Mutex::new(()));
    let ecs = Scripted::start(move |asked| {
        let _held = left.lock().unwrap();
        match asked.action().as_str() {
            "DescribeTasks" => tasks(&[stopped("t1", KEY, 0)]),
            "DescribeTargetHealth" => health("unhealthy", "Target.Timeout"),
            _ => Reply::xml("DeregisterTargets", ""),
        }
    })
    .await;
    let handle = behind_a_door(&ecs.url, json!({}));
    assert!(is_pending(torn_down(&ecs, &handle, Use::Good).await));
    assert_eq!(ecs.of("DeregisterTargets").len(), 1);
}

#[tokio::test]
async fn what_is_not_there_any_more_is_cleared() {
    for target in ["absent", "draining", "no group", "invalid"] {
        for task in ["STOPPED", "MISSING"] {
            let (ecs, _) = served(Left { task, target }).await;
            let handle = behind_a_door(&ecs.url, json!({}));
            assert_eq!(
                torn_down(&ecs, &handle, Use::Bad).await,
                Clearing::Done,
                "{target} {task}"
            );
            assert_eq!(ecs.of("DeregisterTargets").len(), 0);
            assert_eq!(ecs.of("StopTask").len(), 0);
        }
    }
}

#[tokio::test]
async fn a_task_that_was_just_launched_is_not_gone() {
    let (ecs, _) = served(Left {
        task: "MISSING",
        target: "absent",
    })
    .await;
    let fresh = handle(&ecs.url, "t1", 0, json!({ "hold": true }));
    assert!(is_pending(torn_down(&ecs, &fresh, Use::Good).await));
    let error = quick()
        .cancel(&at(&ecs.url), &fresh, GRACE)
        .await
        .unwrap_err();
    assert_eq!(word_of(&error), "unavailable");
}

#[tokio::test]
async fn a_failed_use_may_leave_the_task_to_end_by_itself() {
    let leave = json!({ "leave_after_failure": true });
    let (ecs, left) = served(Left {
        task: "RUNNING",
        target: "healthy",
    })
    .await;
    let handle = behind_a_door(&ecs.url, leave);
    for _ in 0..2 {
        assert!(is_pending(torn_down(&ecs, &handle, Use::Bad).await));
    }
    assert_eq!(
        ecs.of("DeregisterTargets").len(),
        1,
        "nobody is sent there any more"
    );
    assert_eq!(ecs.of("StopTask").len(), 0);
    left.lock().unwrap().task = "STOPPED";
    assert_eq!(torn_down(&ecs, &handle, Use::Bad).await, Clearing::Done);
    left.lock().unwrap().task = "RUNNING";
    assert!(is_pending(torn_down(&ecs, &handle, Use::Good).await));
    assert_eq!(ecs.of("StopTask").len(), 1, "a good use stops it");
}

#[tokio::test]
async fn a_clearing_that_cannot_be_made_is_an_error() {
    let ecs = Scripted::start(|asked| match asked.action().as_str() {
        "DescribeTargetHealth" => health("healthy", ""),
        "DeregisterTargets" => Reply::xml_error(403, "AccessDenied"),
        _ => Reply::error(500, "ServerException", "busy"),
    })
    .await;
    let context = at(&ecs.url);
    let door = behind_a_door(&ecs.url, json!({}));
    let error = quick()
        .tear_down(&context, &door, Use::Good)
        .await
        .unwrap_err();
    assert_eq!(word_of(&error), "alarm");
    assert!(
        error
            .to_string()
            .contains("elasticloadbalancing:DeregisterTargets"),
        "{error}"
    );
    let plain = handle(&ecs.url, "t1", 10, json!({}));
    let error = quick()
        .tear_down(&context, &plain, Use::Good)
        .await
        .unwrap_err();
    assert_eq!(word_of(&error), "unavailable");
    let elsewhere = handle("http://127.0.0.1:1", "t1", 10, json!({}));
    let error = quick()
        .tear_down(&context, &elsewhere, Use::Good)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ExecutorError::Unavailable { alarm: true, .. }
    ));
}

#[tokio::test]
async fn a_stop_may_be_repeated_and_what_is_gone_is_stopped() {
    let (ecs, left) = served(Left {
        task: "RUNNING",
        target: "absent",
    })
    .await;
    let handle = handle(&ecs.url, "t1", 10, json!({}));
    let context = at(&ecs.url);
    for _ in 0..2 {
        quick().cancel(&context, &handle, GRACE).await.unwrap();
    }
    left.lock().unwrap().task = "MISSING";
    quick().cancel(&context, &handle, GRACE).await.unwrap();
    assert_eq!(ecs.of("StopTask").len(), 3);
}

#[test]
fn what_registers_a_target_obliges() {
    for (with, expected) in [
        (json!({ "task_definition": "etl" }), false),
        (
            json!({ "task_definition": "etl", "target_group": "", "port": "" }),
            false,
        ),
        (
            json!({ "task_definition": "etl", "target_group": GROUP, "port": 8080 }),
            true,
        ),
        (json!({ "task_definition": "etl", "port": 8080 }), true),
        (
            json!({ "task_definition": "etl", "target_group": "{{ vars.group }}" }),
            true,
        ),
    ] {
        assert_eq!(quick().obliges(&Draft::new(&with)), expected, "{with}");
    }
}
