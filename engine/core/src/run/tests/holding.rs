//! Work that is held for others, and what it leaves behind: cleared away after every end, whatever is killed.

use noctule_executor::{ErrorClass, Use};

use super::world::{Engine, Script, World, dag, failed, task};
use crate::dag::{Dag, HoldUntil, TaskDefinition};
use crate::run::{Actor, CLEARING_PATIENCE, Event, Fact, RetryScope, RunEnding, plan_retry};

fn held_until(names: &[&str]) -> impl FnOnce(&mut TaskDefinition) {
    let names = names.iter().map(|name| name.parse().unwrap()).collect();
    move |task| task.hold_until = Some(HoldUntil::Tasks(names))
}

/// `container` is held while `use_it` and `collect` use it; `after` needs nothing of it.
fn session() -> Dag {
    dag(vec![
        task("container", &[], held_until(&["use_it", "collect"])),
        task("use_it", &["container"], |_| {}),
        task("collect", &["use_it"], |_| {}),
        task("after", &["collect"], |_| {}),
    ])
}

fn launches(engine: &Engine<'_>) -> usize {
    engine.world.ledger.len()
}

#[test]
fn held_work_is_ready_for_its_users_and_torn_down_once_they_have_ended() {
    let dag = session();
    let mut engine = Engine::new(&dag, World::default());
    engine.until(4);
    assert_eq!(engine.states()["container"], "succeeded");
    assert_eq!(engine.states()["use_it"], "running");
    assert!(engine.world.torn_down.is_empty());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.torn_down.len(), 1);
    assert_eq!(engine.world.torn_down[0].1, Use::Good);
    let facts = &engine.facts;
    let place = |wanted: &Fact| facts.iter().position(|fact| fact == wanted);
    let ended = facts
        .iter()
        .position(|fact| matches!(fact, Fact::RunEnded { .. }));
    assert!(
        place(&Fact::Cleared) < ended,
        "a run ends when nothing is left"
    );
}

#[test]
fn users_that_fail_and_a_cancel_lead_to_the_tear_down_too_and_say_how_it_went() {
    let dag = session();
    let bad = Script {
        outcomes: vec![failed(ErrorClass::User)],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("use_it", bad));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.world.torn_down.len(), 1);
    assert_eq!(engine.world.torn_down[0].1, Use::Bad);

    let mut engine = Engine::new(&dag, World::default());
    engine.until(4);
    engine.happen(Event::Cancel {
        by: Actor::engine(),
        reason: None,
    });
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert_eq!(engine.world.torn_down.len(), 1);
}

#[test]
fn a_kill_anywhere_leaves_nothing_behind() {
    let dag = session();
    for count in 1.. {
        let mut engine = Engine::new(&dag, World::default());
        engine.kill_after = Some(count);
        assert_eq!(
            engine.run_to_end(),
            RunEnding::Succeeded,
            "killed after {count}"
        );
        engine.launched_at_most_once();
        assert_eq!(launches(&engine), 4);
        assert!(!engine.world.torn_down.is_empty(), "killed after {count}");
        if engine.kill_after.is_some() {
            assert!(count > 20, "only {count} kills struck");
            break;
        }
    }
}

#[test]
fn a_tear_down_that_fails_is_tried_again_and_given_up_loudly_after_a_day() {
    let dag = session();
    let mut engine = Engine::new(&dag, World::default().stubborn(5));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.torn_down.len(), 1);
    let troubles = engine.facts.iter();
    let troubles = troubles.filter(|fact| matches!(fact, Fact::ClearTrouble { .. }));
    assert_eq!(troubles.count(), 5);

    let mut engine = Engine::new(&dag, World::default().stubborn(usize::MAX));
    engine.until(30);
    assert!(
        !engine.run.is_over(),
        "what is left behind keeps the run open"
    );
    engine.now += CLEARING_PATIENCE;
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let alarms = engine.facts.iter();
    assert_eq!(
        alarms
            .filter(|fact| matches!(fact, Fact::Alarm { .. }))
            .count(),
        1
    );
}

#[test]
fn a_retry_of_a_user_makes_the_work_again_that_was_torn_down() {
    let dag = session();
    let bad = Script {
        outcomes: vec![failed(ErrorClass::User)],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("collect", bad));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let tasks = plan_retry(&dag, &engine.run, &RetryScope::default()).unwrap();
    let names: Vec<_> = tasks
        .iter()
        .map(|ix| engine.run.name_of(&dag, *ix))
        .collect();
    assert_eq!(names, ["container", "collect", "after"]);
    engine.happen(Event::Retry {
        tasks,
        by: Actor::engine(),
        reason: None,
        backfill: None,
        definition: None,
    });
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.torn_down.len(), 2);
    engine.launched_at_most_once();
}
