//! What the simulation found, as small as it can be told.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Recovery};
use serde_json::json;

use super::world::{Engine, Script, Send, World, dag, task};
use crate::dag::{Dag, GROUP, MapRule, MinSuccess, TriggerRule};
use crate::run::{Activity, Actor, Event, RunEnding, TaskRunIx, Verdict, activity};

/// A group of two steps over two items, one item at a time.
fn one_by_one(last: TriggerRule) -> Dag {
    let within = |task: &mut crate::dag::TaskDefinition, name: &str| {
        task.name = name.parse().unwrap();
        task.within = Some("g".parse().unwrap());
    };
    dag(vec![
        task("g", &[], |task| {
            task.executor = GROUP.to_owned();
            task.map = Some(MapRule {
                items: json!([1, 2]),
                key: None,
                max_parallel: Some(1),
                min_success: MinSuccess::default(),
            });
        }),
        task("a", &[], |task| within(task, "g.a")),
        task("b", &[], |task| {
            within(task, "g.b");
            task.depends_on = vec!["g.a".parse().unwrap()];
            task.trigger_rule = last;
        }),
    ])
}

#[test]
fn a_resend_that_is_refused_does_not_end_the_attempt_whose_first_request_started_the_work() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let denied = ExecutorError::rejected(ErrorClass::Permission, "denied");
    let script = |first| Script {
        sends: vec![first, Send::Fails(denied.clone())],
        recovery: Recovery::Resend,
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script(Send::LostAnswer)));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    engine.launched_at_most_once();
    let mut engine = Engine::new(&dag, World::default().with("t", script(Send::LostRequest)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert!(engine.world.ledger.is_empty());
}

#[test]
fn a_mark_within_an_item_that_waits_leaves_nothing_waiting_for_ever() {
    let dag = one_by_one(TriggerRule::AllSuccess);
    let mut engine = Engine::new(&dag, World::default());
    engine.until(1);
    // `g.b` of the second item, which has not begun.
    engine.happen(Event::Mark {
        task: TaskRunIx(4),
        verdict: Verdict::Skipped,
        leave_running: false,
        by: Actor::engine(),
        reason: None,
    });
    assert_eq!(engine.states()["g.a[2]"], "waiting");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.states()["g.a[2]"], "succeeded");
    assert_eq!(engine.states()["g.b[2]"], "skipped");
}

#[test]
fn a_stop_begins_nothing_of_an_item_that_had_not_begun() {
    let dag = one_by_one(TriggerRule::AllDone);
    let mut engine = Engine::new(&dag, World::default());
    engine.until(1);
    let (by, reason) = (Actor::engine(), None);
    engine.happen(Event::Cancel { by, reason });
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert_eq!(engine.states()["g.b[1]"], "succeeded", "it cleans up");
    assert_eq!(engine.states()["g.b[2]"], "cancelled");
}

#[test]
fn a_request_that_has_rested_may_have_been_sent_whatever_the_next_clock_shows() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let throttled = ExecutorError::Throttled {
        retry_after: Some(Duration::from_secs(30)),
        message: "slow down".to_owned(),
    };
    let script = Script {
        sends: vec![Send::Fails(throttled)],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(10);
    let asks_for = |engine: &Engine<'_>| activity(engine.run.tasks[0].live().unwrap());
    assert_eq!(
        asks_for(&engine),
        None,
        "while it rests there is nothing to send"
    );
    engine.now += chrono::Duration::seconds(30);
    engine.happen(Event::Due);
    assert!(matches!(asks_for(&engine), Some(Activity::Launch { .. })));
    // The engine that takes over has a clock that is behind.
    engine.now -= chrono::Duration::seconds(25);
    engine.happen(Event::Resumed);
    assert!(matches!(asks_for(&engine), Some(Activity::Look { .. })));
}

#[test]
fn a_clock_that_jumps_ahead_does_not_cut_the_whole_quiet_period_short() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let script = Script {
        sends: vec![Send::LostRequest],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    // The first look is made at 1 s, the second would be at 5 s.
    engine.until(2);
    engine.now += chrono::Duration::hours(1);
    engine.until(3_602 + 20);
    assert!(engine.world.ledger.is_empty(), "it looks on");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    engine.launched_at_most_once();
}
