//! A chain whose engines are killed at one effect after the other, while the call hangs there.

use noctule_executor_testing::Effect;

use crate::chain::{assert_launched_once, chain};
use crate::process::until;
use crate::project::Project;

const TASKS: usize = 5;

/// Kills five engines, each at the next occurrence of the effect, and lets a sixth finish.
fn killed_at_each(effect: Effect, lines: &str) {
    let (project, world) = Project::scripted(&chain(TASKS, lines));
    for kill in 0..TASKS {
        // The call that the last engine died in is made again, and passes.
        world.freeze(Some(effect), u64::from(kill > 0));
        let words: &[&str] = if kill == 0 {
            &["run", "chain"]
        } else {
            &["follow", "@latest"]
        };
        let mut engine = project.start(words);
        until(&format!("kill {kill} at {effect:?}"), || {
            assert!(engine.is_alive(), "{}", engine.told());
            world.look(|ledger| ledger.is_frozen()).then_some(())
        });
        assert!(engine.kill());
        world.thaw();
    }
    let run = project.succeeds();
    assert_launched_once(&project, &run, TASKS);
    assert_eq!(world.ledger().double_launches(), Vec::<&str>::new());
}

#[test]
fn killed_before_each_launch_a_chain_succeeds_and_launches_each_attempt_once() {
    killed_at_each(Effect::Launch, "with.after = \"10ms\"");
}

#[test]
fn killed_between_each_launch_and_its_answer_a_chain_succeeds_and_launches_each_attempt_once() {
    killed_at_each(Effect::Started, "with.after = \"10ms\"");
}

#[test]
fn killed_at_polls_a_chain_succeeds_and_launches_each_attempt_once() {
    killed_at_each(Effect::Poll, "with.after = \"10ms\"");
}

#[test]
fn killed_while_it_blocks_a_chain_succeeds_and_launches_each_attempt_once() {
    killed_at_each(Effect::Poll, "wait = \"block\"\nwith.after = \"10ms\"");
}
