//! Engines that are killed between an effect and its record: in the end there is one session a run, and nothing of it is
//! left. What is somebody else's in the same cluster is never touched.

use noctule_ecs_simulator::{Action, Effect, Fault};

use crate::both_waits;
use crate::process::until;
use crate::stage::{Stage, attempts};

both_waits! {
    killed_between_the_launch_and_its_record_the_next_engine_adopts_the_task
    killed_between_the_launch_and_its_record_a_cancel_stops_the_task
    killed_between_the_registration_and_its_record_the_next_engine_goes_on
    killed_while_the_target_is_taken_out_the_next_engine_clears_away
    killed_while_the_task_is_stopped_the_next_engine_clears_away
}

/// Kills an engine that waits for the answer to the first call of an action, which AWS has acted upon.
fn killed_after(action: Action, wait: &str) -> Stage {
    let stage = Stage::usual(wait);
    let order = stage.ecs.order(Fault::wire(action, Effect::HangAnswer));
    let mut engine = stage.run();
    until("the call has arrived", || {
        assert!(engine.is_alive(), "{}", engine.told());
        (stage.ecs.calls(action) == 1 && acted(&stage, action)).then_some(())
    });
    assert!(engine.kill());
    order.release();
    stage
}

fn acted(stage: &Stage, action: Action) -> bool {
    let state = stage.ecs.state();
    match action {
        Action::RunTask => !stage.ours().is_empty(),
        Action::RegisterTargets => !state.targets.is_empty(),
        _ => true,
    }
}

/// Lets the next engine finish the run as one session.
#[track_caller]
fn ends_as_one_session(stage: &Stage) {
    let run = stage.follow().end().with(0).json();
    assert_eq!(run["state"], "succeeded", "{run:#}");
    let container = attempts(&run, "container");
    assert_eq!(container.len(), 1, "{run:#}");
    let key = container[0]["key"].as_str().unwrap();
    assert_eq!(
        stage.ecs.ledger().into_iter().collect::<Vec<_>>(),
        [(key.to_owned(), 1)]
    );
    assert_eq!(stage.deeds_of(key), ["execute", "complete", "upload"]);
    stage.assert_nothing_left();
}

fn killed_between_the_launch_and_its_record_the_next_engine_adopts_the_task(wait: &str) {
    let stage = killed_after(Action::RunTask, wait);
    ends_as_one_session(&stage);
    assert_eq!(stage.ecs.calls(Action::RunTask), 1);
}

fn killed_between_the_launch_and_its_record_a_cancel_stops_the_task(wait: &str) {
    let stage = killed_after(Action::RunTask, wait);
    let cancelled = stage.project.ends(&["cancel", "@latest"]);
    let run = stage.follow().end().with(8).json();
    assert_eq!(run["state"], "cancelled", "{run:#} {cancelled:#?}");
    assert_eq!(stage.ecs.calls(Action::RunTask), 1);
    assert_eq!(stage.deeds(), []);
    stage.assert_nothing_left();
}

fn killed_between_the_registration_and_its_record_the_next_engine_goes_on(wait: &str) {
    let stage = killed_after(Action::RegisterTargets, wait);
    ends_as_one_session(&stage);
}

fn killed_while_the_target_is_taken_out_the_next_engine_clears_away(wait: &str) {
    let stage = killed_after(Action::DeregisterTargets, wait);
    assert_eq!(stage.ecs.calls(Action::StopTask), 0);
    ends_as_one_session(&stage);
}

fn killed_while_the_task_is_stopped_the_next_engine_clears_away(wait: &str) {
    let stage = killed_after(Action::StopTask, wait);
    ends_as_one_session(&stage);
}
