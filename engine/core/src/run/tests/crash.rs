//! kill -9 between any two things that an engine does: the end is the same, and no attempt is launched twice.

use noctule_executor::{ErrorClass, Recovery};

use super::world::{Engine, Script, Send, World, dag, failed, succeeded, task};
use crate::dag::{Dag, Retries};
use crate::run::RunEnding;

fn chain() -> Dag {
    let names = ["a", "b", "c", "d", "e"];
    dag(names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let upstream: Vec<&str> = if i == 0 { vec![] } else { vec![names[i - 1]] };
            task(name, &upstream, |task| {
                task.retries = Retries {
                    max: 1,
                    ..Retries::default()
                }
            })
        })
        .collect())
}

/// Kills after each count in turn until a run was not killed any more; gives how many kills struck.
fn kill_everywhere(world: &World, expected: RunEnding) -> usize {
    let dag = chain();
    for count in 1.. {
        let mut engine = Engine::new(&dag, world.clone());
        engine.kill_after = Some(count);
        let ending = engine.run_to_end();
        assert_eq!(ending, expected, "killed after {count}");
        engine.launched_at_most_once();
        if engine.kill_after.is_some() {
            return count - 1;
        }
    }
    unreachable!("the loop ends when no kill struck")
}

#[test]
fn a_kill_after_every_commit_and_every_effect_changes_neither_the_end_nor_the_number_of_launches() {
    let struck = kill_everywhere(&World::default(), RunEnding::Succeeded);
    assert!(struck > 30, "only {struck} kills struck");
}

#[test]
fn a_kill_anywhere_around_a_lost_answer_leads_to_one_launch() {
    let lossy = Script {
        sends: vec![Send::LostAnswer],
        ..Script::default()
    };
    let world = World::default().with("b", lossy.clone()).with("d", lossy);
    assert!(kill_everywhere(&world, RunEnding::Succeeded) > 30);
}

#[test]
fn a_kill_anywhere_around_a_lost_request_leads_to_one_launch() {
    let lossy = Script {
        sends: vec![Send::LostRequest],
        ..Script::default()
    };
    assert!(kill_everywhere(&World::default().with("c", lossy), RunEnding::Succeeded) > 30);
}

#[test]
fn a_kill_anywhere_around_a_retry_neither_skips_nor_reuses_an_attempt_number() {
    let flaky = Script {
        outcomes: vec![failed(ErrorClass::User), succeeded()],
        ..Script::default()
    };
    assert!(kill_everywhere(&World::default().with("b", flaky), RunEnding::Succeeded) > 30);
}

#[test]
fn a_kill_anywhere_over_an_executor_that_is_idempotent_by_key_leads_to_one_piece_of_work() {
    let mut world = World::default();
    for name in ["a", "b", "c", "d", "e"] {
        let script = Script {
            recovery: Recovery::Resend,
            sends: vec![Send::LostAnswer],
            ..Script::default()
        };
        world = world.with(name, script);
    }
    assert!(kill_everywhere(&world, RunEnding::Succeeded) > 30);
}

#[test]
fn where_nobody_can_tell_a_kill_leads_to_unknown_and_never_to_a_second_launch() {
    let dag = chain();
    let blind = Script {
        recovery: Recovery::Never,
        ..Script::default()
    };
    let mut unknown = 0;
    for count in 1.. {
        let mut engine = Engine::new(&dag, World::default().with("c", blind.clone()));
        engine.kill_after = Some(count);
        let ending = engine.run_to_end();
        engine.launched_at_most_once();
        unknown += usize::from(ending == RunEnding::Failed);
        if engine.kill_after.is_some() {
            break;
        }
    }
    assert!(
        unknown > 0,
        "no kill fell between the intent and the handle"
    );
}
