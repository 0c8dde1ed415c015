//! The life of a session: the order of its calls, its own address and key, and the ends of those that never get ready.

use noctule_ecs_simulator::{Action, Effect, Fault};
use rustix::process::Signal;
use serde_json::Value;

use crate::both_waits;
use crate::process::until;
use crate::stage::{Session, Stage, attempts};

both_waits! {
    a_session_is_made_used_collected_and_torn_down_in_this_order
    two_sessions_at_once_share_neither_address_nor_key
    a_task_without_an_address_in_time_is_stopped_and_tried_again
    a_right_that_is_missing_ends_the_attempt_after_one_call
    a_container_that_never_gets_healthy_says_why_and_leaves_nothing
    a_container_that_dies_before_it_is_ready_says_how
}

fn a_session_is_made_used_collected_and_torn_down_in_this_order(wait: &str) {
    let stage = Stage::usual(wait);
    let run = stage.ends(0);
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let mut happened: Vec<(i64, String)> = Vec::new();
    let name = |(at, action): (i64, Action)| (at, action.name().to_owned());
    happened.extend(stage.calls().into_iter().map(name));
    let word = |deed: crate::stage::Deed| (deed.micros, deed.word);
    happened.extend(stage.deeds().into_iter().map(word));
    happened.sort();
    let mut order: Vec<String> = happened.into_iter().map(|(_, what)| what).collect();
    order.dedup();
    assert_order(&order);
    assert_eq!(stage.ecs.calls(Action::RunTask), 1);
    assert_eq!(stage.ecs.calls(Action::DeregisterTargets), 1);
    stage.assert_nothing_left();
}

/// Everything that changes something happens in this order, and what is read in between is read in time.
#[track_caller]
fn assert_order(order: &[String]) {
    let is_read = |step: &&String| step.starts_with("Describe") || step.starts_with("List");
    let mut effects: Vec<_> = order.iter().filter(|step| !is_read(step)).collect();
    // A stop is asked for until the task is seen stopped.
    effects.dedup();
    let wanted = [
        "RunTask",
        "RegisterTargets",
        "execute",
        "complete",
        "upload",
        "DeregisterTargets",
        "StopTask",
    ];
    assert_eq!(effects, wanted, "{order:#?}");
    let first = |step: &str| order.iter().position(|one| one == step).unwrap();
    let between = |from: &str, to: &str| &order[first(from)..first(to)];
    let looks = |steps: &[String], read: &str| steps.iter().any(|step| step == read);
    assert!(
        looks(between("RunTask", "RegisterTargets"), "DescribeTasks"),
        "{order:#?}"
    );
    let ready = between("RegisterTargets", "execute");
    assert!(looks(ready, "DescribeTargetHealth"), "{order:#?}");
}

fn two_sessions_at_once_share_neither_address_nor_key(wait: &str) {
    let stage = Stage::usual(wait);
    let mut serve = stage.project.start(&["serve"]);
    serve.tells("http://");
    let trigger = || {
        stage
            .project
            .start(&["trigger", "session", "--wait", "-o", "json"])
    };
    let health = Fault::wire(Action::DescribeTargetHealth, Effect::Hang);
    let held = stage.ecs.order(health.times(usize::MAX));
    let (one, other) = (trigger(), trigger());
    until("two sessions are there at once", || {
        (stage.ours().len() == 2).then_some(())
    });
    held.release();
    let runs = [one, other].map(|trigger| trigger.end().with(0).json());
    let tasks = stage.ours();
    assert_eq!(tasks.len(), 2, "{tasks:#?}");
    assert_ne!(tasks[0].address, tasks[1].address);
    for run in &runs {
        let container = &attempts(run, "container")[0];
        let key = container["key"].as_str().unwrap();
        let own = tasks
            .iter()
            .find(|task| task.started_by.as_deref() == Some(key))
            .unwrap();
        let url = format!("http://{}:8080", own.address);
        assert_eq!(container["output"]["url"], url, "{run:#}");
        assert_eq!(container["output"]["key"], key, "{run:#}");
        assert_eq!(stage.deeds_of(key), ["execute", "complete", "upload"]);
    }
    stage.assert_nothing_left();
    serve.send(Signal::TERM);
    serve.end().with(0);
}

/// The class and the message of an attempt's error.
fn error(attempt: &Value) -> (&str, &str) {
    let text = |key: &str| attempt["error"][key].as_str().unwrap_or_default();
    (text("class"), text("message"))
}

fn a_task_without_an_address_in_time_is_stopped_and_tried_again(wait: &str) {
    let stage = Stage::of(&Session {
        ready_timeout: "4s",
        ..Session::usual(wait)
    });
    drop(stage.ecs.order(Fault::no_address()));
    let run = stage.ends(0);
    let container = attempts(&run, "container");
    assert_eq!(container.len(), 2, "{run:#}");
    let (class, message) = error(&container[0]);
    assert_eq!(class, "never_started", "{run:#}");
    assert!(message.contains("no private address"), "{message}");
    let tasks = stage.ours();
    assert_eq!(tasks.len(), 2, "{tasks:#?}");
    assert_eq!(tasks[0].stop_code, Some("UserInitiated"), "{tasks:#?}");
    assert_eq!(tasks[0].started_by.as_deref(), container[0]["key"].as_str());
    assert_eq!(tasks[1].started_by.as_deref(), container[1]["key"].as_str());
    assert_ne!(container[0]["key"], container[1]["key"]);
    stage.assert_nothing_left();
}

fn a_right_that_is_missing_ends_the_attempt_after_one_call(wait: &str) {
    let stage = Stage::usual(wait);
    drop(
        stage
            .ecs
            .order(Fault::access_denied(Action::RunTask).times(usize::MAX)),
    );
    let run = stage.ends(1);
    let container = attempts(&run, "container");
    assert_eq!(container.len(), 1, "{run:#}");
    let (class, message) = error(&container[0]);
    assert_eq!(class, "permission", "{run:#}");
    assert!(message.contains("ecs:RunTask"), "{message}");
    assert_eq!(stage.ecs.calls(Action::RunTask), 1);
    stage.assert_nothing_left();
}

fn a_container_that_never_gets_healthy_says_why_and_leaves_nothing(wait: &str) {
    let stage = Stage::of(&Session {
        ready_timeout: "2s",
        ..Session::usual(wait)
    });
    drop(stage.ecs.order(Fault::never_healthy().times(2)));
    let run = stage.ends(1);
    let container = attempts(&run, "container");
    assert_eq!(container.len(), 2, "{run:#}");
    for attempt in container {
        let (class, message) = error(attempt);
        assert_eq!(class, "never_started", "{run:#}");
        assert!(message.contains("was not ready 2s after"), "{message}");
        assert!(
            message.contains("unhealthy Target.ResponseCodeMismatch"),
            "{message}"
        );
    }
    assert_eq!(stage.ecs.calls(Action::RegisterTargets), 2);
    assert_eq!(stage.ecs.targets().len(), 2, "both were taken out");
    let stopped = stage.ours();
    let by_us = stopped
        .iter()
        .filter(|task| task.stop_code == Some("UserInitiated"));
    assert_eq!(by_us.count(), 2, "{stopped:#?}");
    assert_eq!(stage.deeds(), []);
    stage.assert_nothing_left();
}

fn a_container_that_dies_before_it_is_ready_says_how(wait: &str) {
    let stage = Stage::usual(wait);
    stage.breaks();
    let run = stage.ends(1);
    let container = attempts(&run, "container");
    let (class, message) = error(container.last().unwrap());
    assert_eq!(class, "user", "{run:#}");
    assert!(message.contains("exited with 1"), "{message}");
    assert!(
        message.contains("nothing to serve"),
        "the last line of its log: {message}"
    );
    stage.assert_nothing_left();
}
