//! Collect, then clear away: nothing is torn down before the outputs are confirmed, or known to be out of reach.

use noctule_ecs_simulator::{Action, TargetHealth};

use crate::both_waits;
use crate::process::until;
use crate::stage::{Session, Stage, attempts};

both_waits! {
    a_completion_that_is_reset_twice_uploads_once_and_is_torn_down_once
    a_completion_that_fails_for_good_leaves_the_task_to_save_itself
    a_completion_that_fails_for_good_stops_the_task_where_nobody_says_otherwise
}

fn a_completion_that_is_reset_twice_uploads_once_and_is_torn_down_once(wait: &str) {
    let stage = Stage::of(&Session {
        faults: "reset_after reset_before",
        ..Session::usual(wait)
    });
    let run = stage.ends(0);
    assert_eq!(attempts(&run, "complete").len(), 3, "{run:#}");
    let container = &attempts(&run, "container")[0];
    let deeds = stage.deeds_of(container["key"].as_str().unwrap());
    assert_eq!(
        deeds,
        ["execute", "complete", "upload", "complete", "complete"]
    );
    assert_eq!(stage.ecs.calls(Action::RunTask), 1);
    assert_eq!(stage.ecs.calls(Action::DeregisterTargets), 1);
    let last = stage.deeds().pop().unwrap().micros;
    let mut clearing = stage.calls();
    clearing.retain(|(_, action)| matches!(action, Action::DeregisterTargets | Action::StopTask));
    assert!(
        clearing.iter().all(|(at, _)| *at > last),
        "after the last completion: {clearing:?}"
    );
    stage.assert_nothing_left();
}

fn a_completion_that_fails_for_good_leaves_the_task_to_save_itself(wait: &str) {
    let stage = Stage::of(&Session {
        faults: "500 500 500 500",
        after_failure: "leave",
        ..Session::usual(wait)
    });
    let engine = stage.run();
    stage.cloud_is("the target is taken out", |state| {
        state
            .targets
            .iter()
            .any(|target| target.health == TargetHealth::Draining)
    });
    until("the task is looked at again and again", || {
        let calls = stage.calls();
        let out = calls
            .iter()
            .position(|(_, action)| *action == Action::DeregisterTargets)?;
        let looks = calls[out..]
            .iter()
            .filter(|(_, action)| *action == Action::DescribeTasks);
        (looks.count() > 3).then_some(())
    });
    // The obligation outlives its engine.
    assert!(engine.kill());
    let mut engine = stage.follow();
    let before = stage.calls().len();
    until("the next engine looks at the task", || {
        let calls = stage.calls();
        let looks = calls[before..]
            .iter()
            .filter(|(_, action)| *action == Action::DescribeTasks);
        (looks.count() > 3).then_some(())
    });
    let shown = stage
        .project
        .ends(&["show", "@latest", "-o", "json"])
        .json();
    assert_eq!(shown["state"], "running", "{shown:#}");
    assert!(engine.is_alive(), "{}", engine.told());
    let tasks = stage.ours();
    assert!(!tasks[0].stop_asked, "{tasks:#?}");
    stage.let_end(&tasks[0]);
    let run = engine.end().with(1).json();
    assert_eq!(run["state"], "failed", "{run:#}");
    let complete = attempts(&run, "complete");
    assert_eq!(complete.len(), 4, "{run:#}");
    assert_eq!(complete[3]["error"]["class"], "infrastructure", "{run:#}");
    assert_eq!(stage.ecs.calls(Action::StopTask), 0);
    stage.assert_nothing_left();
}

fn a_completion_that_fails_for_good_stops_the_task_where_nobody_says_otherwise(wait: &str) {
    let stage = Stage::of(&Session {
        faults: "500 500 500 500",
        ..Session::usual(wait)
    });
    let run = stage.ends(1);
    assert_eq!(attempts(&run, "complete").len(), 4, "{run:#}");
    let tasks = stage.ours();
    assert_eq!(tasks[0].stop_code, Some("UserInitiated"), "{tasks:#?}");
    stage.assert_nothing_left();
}
