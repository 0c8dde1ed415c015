//! Work that others use: registered only when its handle says so, ready when healthy, failed when that takes too long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use noctule_executor::{ErrorClass, Executor, Outcome, Status};
use noctule_fargate::Handle;
use serde_json::{Value, json};

use crate::records::{KEY, arn, definition, stopped, task, tasks};
use crate::scripted::{Reply, Scripted};
use crate::world::{at, attempt, etl_with, handle, quick, request, with_settings};

pub(crate) const GROUP: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1";

/// What DescribeTargetHealth says of the address.
pub(crate) fn health(state: &str, reason: &str) -> Reply {
    let health = format!(
        "<State>{state}</State><Reason>{reason}</Reason><Description>as scripted</Description>"
    );
    let target = "<Target><Id>10.0.0.7</Id><Port>8080</Port></Target>";
    Reply::xml(
        "DescribeTargetHealth",
        &format!(
            "<TargetHealthDescriptions><member>{target}<TargetHealth>{health}</TargetHealth></member></TargetHealthDescriptions>"
        ),
    )
}

/// A server with one task, and a state of its target that RegisterTargets makes `initial`.
async fn served(known: Value, state: Arc<Mutex<&'static str>>) -> Scripted {
    Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" | "DescribeTasks" => tasks(&[known.clone()]),
        "DescribeTargetHealth" => {
            assert_eq!(asked.form("TargetGroupArn").as_deref(), Some(GROUP));
            match *state.lock().unwrap() {
                "absent" => health("unused", "Target.NotRegistered"),
                "healthy" => health("healthy", ""),
                other => health(other, "Elb.InitialHealthChecking"),
            }
        }
        "RegisterTargets" => {
            assert_eq!(
                asked.form("Targets.member.1.Id").as_deref(),
                Some("10.0.0.7")
            );
            assert_eq!(asked.form("Targets.member.1.Port").as_deref(), Some("8080"));
            *state.lock().unwrap() = "initial";
            Reply::xml("RegisterTargets", "")
        }
        "GetLogEvents" => Reply::ok(json!({ "events": [{ "message": "no module named flask" }] })),
        action => panic!("nobody asks for {action}"),
    })
    .await
}

/// A task that has been running for some seconds.
fn running_for(seconds: i64) -> Value {
    let mut task = task("t1", KEY, "RUNNING");
    task["startedAt"] = json!(Utc::now().timestamp() - seconds);
    task
}

async fn poll(ecs: &Scripted, handle: &Handle) -> Status {
    let handle = serde_json::from_str(&serde_json::to_string(handle).unwrap()).unwrap();
    let answers = quick().poll(&at(&ecs.url), &[handle], Duration::ZERO).await;
    answers.into_iter().next().unwrap().unwrap()
}

fn advanced(status: Status) -> Handle {
    match status {
        Status::Advanced { handle } => serde_json::from_value(handle).unwrap(),
        other => panic!("it has come further: {other:?}"),
    }
}

fn held(url: &str, door: bool) -> Handle {
    let mut more = json!({ "hold": true, "port": 8080, "ready_within_ms": 300_000 });
    if door {
        more["door"] = json!({ "group": GROUP, "port": 8080 });
    }
    handle(url, "t1", 10, more)
}

fn ready_output() -> Value {
    json!({
        "address": "10.0.0.7", "port": 8080, "url": "http://10.0.0.7:8080", "task_arn": arn("t1"), "key": KEY,
    })
}

#[tokio::test]
async fn a_launch_for_others_remembers_all_that_its_end_needs() {
    let ecs = served(running_for(1), Arc::new(Mutex::new("absent"))).await;
    let context =
        with_settings(json!({ "endpoint": ecs.url, "region": "us-east-1", "target_group": GROUP }));
    let config = etl_with(
        json!({ "port": 8080, "after_failure": "leave", "health": { "ready_timeout": "90s" } }),
    );
    let mut attempt = attempt(config, 1);
    attempt.hold = true;
    let request = request(&context, &attempt);
    let handle = quick().launch(&context, &attempt, &request).await.unwrap();
    let stored = serde_json::to_value(&handle).unwrap();
    assert_eq!(stored["hold"], true);
    assert_eq!(
        stored["door"],
        json!({ "group": GROUP, "port": 8080, "healthy": false })
    );
    assert_eq!(stored["ready_within_ms"], 90_000);
    assert_eq!(stored["leave_after_failure"], true);
}

#[tokio::test]
async fn nothing_is_registered_before_the_handle_names_it() {
    let state = Arc::new(Mutex::new("absent"));
    let ecs = served(running_for(1), Arc::clone(&state)).await;
    let first = held(&ecs.url, true);
    let second = advanced(poll(&ecs, &first).await);
    assert_eq!(ecs.actions(), ["DescribeTasks"]);
    assert_eq!(
        serde_json::to_value(&second).unwrap()["door"]["address"],
        "10.0.0.7"
    );
    // A crash before the new handle was stored: the old one still registers nothing.
    advanced(poll(&ecs, &first).await);
    assert_eq!(ecs.of("RegisterTargets").len(), 0);
    assert!(matches!(poll(&ecs, &second).await, Status::Running { .. }));
    assert_eq!(ecs.of("RegisterTargets").len(), 1);
    assert!(matches!(poll(&ecs, &second).await, Status::Running { .. }));
    assert_eq!(ecs.of("RegisterTargets").len(), 1, "it is registered");
    *state.lock().unwrap() = "healthy";
    let output = ready_output();
    assert_eq!(poll(&ecs, &second).await, Status::Ready { output });
}

#[tokio::test]
async fn a_target_on_its_way_out_is_registered_again() {
    let ecs = served(running_for(1), Arc::new(Mutex::new("draining"))).await;
    let second = advanced(poll(&ecs, &held(&ecs.url, true)).await);
    assert!(matches!(poll(&ecs, &second).await, Status::Running { .. }));
    assert_eq!(ecs.of("RegisterTargets").len(), 1);
}

#[tokio::test]
async fn without_a_target_group_running_is_ready() {
    let ecs = served(running_for(1), Arc::new(Mutex::new("absent"))).await;
    let output = ready_output();
    assert_eq!(
        poll(&ecs, &held(&ecs.url, false)).await,
        Status::Ready { output }
    );
    let pending = served(task("t1", KEY, "PENDING"), Arc::new(Mutex::new("absent"))).await;
    assert_eq!(
        poll(&pending, &held(&pending.url, false)).await,
        Status::Launching
    );
}

#[tokio::test]
async fn no_address_in_time_is_a_failure() {
    for (seconds, ends) in [(10, false), (400, true)] {
        let mut known = running_for(seconds);
        known["attachments"] = json!([]);
        let ecs = served(known, Arc::new(Mutex::new("absent"))).await;
        let status = poll(&ecs, &held(&ecs.url, true)).await;
        assert_eq!(matches!(status, Status::Finished(_)), ends, "{status:?}");
        assert_eq!(ecs.of("RegisterTargets").len(), 0);
    }
}

#[tokio::test]
async fn never_healthy_is_a_failure_that_says_why() {
    let ecs = served(running_for(400), Arc::new(Mutex::new("unhealthy"))).await;
    let door = json!({ "group": GROUP, "port": 8080, "address": "10.0.0.7" });
    let log = json!({ "group": "/ecs/etl", "stream": "ecs/main/t1", "region": "us-east-1" });
    let more =
        json!({ "hold": true, "port": 8080, "ready_within_ms": 300_000, "door": door, "log": log });
    let Status::Finished(finished) = poll(&ecs, &handle(&ecs.url, "t1", 10, more)).await else {
        panic!("its time is over")
    };
    let Outcome::Failed { class, message, .. } = finished.outcome else {
        panic!("it failed")
    };
    assert_eq!(class, ErrorClass::NeverStarted);
    for part in [
        "300s",
        "10.0.0.7:8080 is unhealthy Elb.InitialHealthChecking as scripted",
        "no module named flask",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn held_work_that_ends_has_failed_however_it_ended() {
    for (code, class) in [(0, ErrorClass::User), (1, ErrorClass::User)] {
        let ecs = served(stopped("t1", KEY, code), Arc::new(Mutex::new("absent"))).await;
        let Status::Finished(finished) = poll(&ecs, &held(&ecs.url, true)).await else {
            panic!("it ended")
        };
        let Outcome::Failed {
            class: found,
            message,
            ..
        } = finished.outcome
        else {
            panic!("it failed")
        };
        assert_eq!(found, class);
        assert!(
            message.contains("Essential container in task exited"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn work_behind_a_load_balancer_that_nobody_holds_runs_to_its_end() {
    let state = Arc::new(Mutex::new("absent"));
    let ecs = served(running_for(400), Arc::clone(&state)).await;
    let more = json!({ "port": 8080, "ready_within_ms": 500_000, "door": { "group": GROUP, "port": 8080 } });
    let second = advanced(poll(&ecs, &handle(&ecs.url, "t1", 10, more)).await);
    assert!(matches!(poll(&ecs, &second).await, Status::Running { .. }));
    *state.lock().unwrap() = "healthy";
    let third = advanced(poll(&ecs, &second).await);
    *state.lock().unwrap() = "unhealthy";
    // It has been healthy: what comes after is the load balancer's matter.
    let calls = ecs.of("DescribeTargetHealth").len();
    assert!(matches!(poll(&ecs, &third).await, Status::Running { .. }));
    assert_eq!(ecs.of("DescribeTargetHealth").len(), calls);
}

#[tokio::test]
async fn a_missing_right_at_the_load_balancer_ends_when_the_time_is_over() {
    for (seconds, ends) in [(10, false), (400, true)] {
        let known = running_for(seconds);
        let ecs = Scripted::start(move |asked| match asked.action().as_str() {
            "DescribeTasks" => tasks(&[known.clone()]),
            _ => Reply::xml_error(403, "AccessDenied"),
        })
        .await;
        let door = json!({ "group": GROUP, "port": 8080, "address": "10.0.0.7" });
        let more = json!({ "hold": true, "ready_within_ms": 300_000, "door": door });
        let answers = quick()
            .poll(
                &at(&ecs.url),
                &[handle(&ecs.url, "t1", 10, more)],
                Duration::ZERO,
            )
            .await;
        let text = format!("{answers:?}");
        assert_eq!(
            matches!(&answers[0], Ok(Status::Finished(_))),
            ends,
            "{text}"
        );
        assert!(
            text.contains("elasticloadbalancing:DescribeTargetHealth"),
            "{text}"
        );
    }
}
