//! A store that is set back to an earlier state launches nothing a second time.

use std::collections::BTreeSet;

use noctule_executor::{ErrorClass, Recovery};

use super::world::{Engine, Script, World, dag, task};
use crate::dag::{Dag, OnUnknown};
use crate::run::{AttemptEnd, AttemptState, Event, Fact, Nature, RunEnding, TaskRunIx};

fn chain(on_unknown: OnUnknown) -> Dag {
    dag(vec![
        task("a", &[], |task| task.on_unknown = on_unknown),
        task("b", &["a"], |task| task.on_unknown = on_unknown),
        task("c", &["b"], |task| task.on_unknown = on_unknown),
    ])
}

fn world(script: &Script) -> World {
    let with = |world: World, name| world.with(name, script.clone());
    ["a", "b", "c"].into_iter().fold(World::default(), with)
}

/// Runs to a second, remembers that state, runs to the end, and is set back; gives the engine after its second end.
fn set_back_to<'a>(dag: &'a Dag, script: &Script, second: i64) -> (Engine<'a>, RunEnding) {
    let mut engine = Engine::new(dag, world(script));
    engine.until(second);
    let (earlier, journal) = (engine.stored.clone(), engine.journal.clone());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    engine.set_back(earlier, journal);
    let ending = engine.run_to_end();
    (engine, ending)
}

#[test]
fn set_back_to_any_moment_no_attempt_is_launched_twice() {
    let dag = chain(OnUnknown::Fail);
    for recovery in [Script::default().recovery, Recovery::Resend] {
        let script = Script {
            recovery,
            ..Script::default()
        };
        for second in 0..14 {
            let (engine, ending) = set_back_to(&dag, &script, second);
            let launched: BTreeSet<_> = engine.world.ledger.iter().collect();
            assert_eq!(launched.len(), engine.world.ledger.len(), "at {second} s");
            assert_eq!((ending, launched.len()), (RunEnding::Succeeded, 3));
        }
    }
}

#[test]
fn what_nobody_can_look_for_is_unknown_after_the_store_was_set_back() {
    let script = Script {
        recovery: Recovery::Never,
        nature: Nature::Attached,
        ..Script::default()
    };
    let dag = chain(OnUnknown::Fail);
    let (engine, ending) = set_back_to(&dag, &script, 0);
    assert_eq!((ending, engine.world.ledger.len()), (RunEnding::Failed, 3));
    let AttemptState::Ended(first) = &engine.run.tasks[0].attempts[0].state else {
        panic!("the first attempt has not ended");
    };
    let unknown = |end: &AttemptEnd| matches!(end, AttemptEnd::Failed { class, .. } if *class == ErrorClass::Unknown);
    assert!(unknown(&first.end));
}

#[test]
fn a_dag_that_allows_a_second_send_gets_it_after_the_store_was_set_back() {
    let script = Script {
        recovery: Recovery::Never,
        ..Script::default()
    };
    let dag = chain(OnUnknown::Retry);
    let (engine, ending) = set_back_to(&dag, &script, 0);
    assert_eq!(
        (ending, engine.world.ledger.len()),
        (RunEnding::Succeeded, 6)
    );
}

#[test]
fn to_be_told_twice_that_the_store_was_set_back_changes_nothing() {
    let dag = chain(OnUnknown::Fail);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.happen(Event::Doubted).records[0].fact, Fact::Doubted);
    assert!(engine.happen(Event::Doubted).is_empty());
}

/// Runs until the launch is on its way, and gives the stored state.
fn being_sent(script: &Script) -> (RunEnding, usize) {
    let dag = dag(vec![task("a", &[], |_| {})]);
    let mut engine = Engine::new(&dag, world(script));
    engine.happen(Event::Begin);
    engine.happen(Event::Admit {
        tasks: vec![TaskRunIx(0)],
    });
    engine.happen(Event::Moved);
    (engine.run_to_end(), engine.world.ledger.len())
}

#[test]
fn a_local_launch_that_was_on_its_way_is_not_made_again_on_another_machine() {
    let script = Script {
        recovery: Recovery::Resend,
        local: true,
        ..Script::default()
    };
    assert_eq!(being_sent(&script), (RunEnding::Failed, 0));
}

#[test]
fn a_remote_launch_that_was_on_its_way_goes_on_from_another_machine() {
    let script = Script {
        recovery: Recovery::Resend,
        ..Script::default()
    };
    assert_eq!(being_sent(&script), (RunEnding::Succeeded, 1));
}
