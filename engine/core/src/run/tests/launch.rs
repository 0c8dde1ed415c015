//! The launch protocol, one rule a test.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Recovery, Wait};

use super::world::{Engine, Script, Send, World, at, dag, task};
use crate::dag::OnUnknown;
use crate::run::{AttemptEnd, AttemptState, Fact, RunEnding};

fn one(script: Script) -> (RunEnding, Vec<Fact>, usize, AttemptEnd) {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    let ending = engine.run_to_end();
    engine.launched_at_most_once();
    let AttemptState::Ended(ended) = &engine.run.tasks[0].attempts.last().unwrap().state else {
        panic!("not ended")
    };
    (
        ending,
        engine.facts.clone(),
        engine.world.ledger.len(),
        ended.end.clone(),
    )
}

fn class(end: &AttemptEnd) -> Option<ErrorClass> {
    match end {
        AttemptEnd::Failed { class, .. } => Some(*class),
        _ => None,
    }
}

#[test]
fn a_lost_answer_is_searched_for_and_adopted() {
    let (ending, facts, launches, _) = one(Script {
        sends: vec![Send::LostAnswer],
        ..Script::default()
    });
    assert_eq!((ending, launches), (RunEnding::Succeeded, 1));
    assert!(
        facts
            .iter()
            .any(|fact| matches!(fact, Fact::Launched { adopted: true, .. }))
    );
    assert!(!facts.contains(&Fact::SentAgain));
}

#[test]
fn a_lost_request_is_sent_again_only_after_the_whole_quiet_period() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let script = Script {
        sends: vec![Send::LostRequest],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(29);
    assert!(engine.world.ledger.is_empty() && !engine.facts.contains(&Fact::SentAgain));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.ledger.len(), 1);
}

#[test]
fn a_throttled_launch_waits_as_told_and_uses_up_no_retry() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let asked = Some(Duration::from_secs(7));
    let throttled = Send::Fails(ExecutorError::Throttled {
        retry_after: asked,
        message: "429".to_owned(),
    });
    let script = Script {
        sends: vec![throttled.clone(), throttled],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(13);
    assert!(engine.world.ledger.is_empty());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.run.tasks[0].attempts.len(), 1);
    assert!(engine.now >= at(14));
}

#[test]
fn a_refused_launch_ends_the_attempt_in_its_class() {
    for refused in [
        ErrorClass::Config,
        ErrorClass::Permission,
        ErrorClass::NotFound,
    ] {
        let sends = vec![Send::Fails(ExecutorError::rejected(refused, "no"))];
        let (ending, _, launches, end) = one(Script {
            sends,
            ..Script::default()
        });
        assert_eq!(
            (ending, launches, class(&end)),
            (RunEnding::Failed, 0, Some(refused))
        );
    }
}

#[test]
fn a_backend_out_of_reach_is_tried_for_a_while_and_then_is_infrastructure() {
    let sends = vec![Send::Fails(ExecutorError::unavailable("connection refused")); 6];
    let (ending, _, launches, end) = one(Script {
        sends,
        ..Script::default()
    });
    assert_eq!(
        (ending, launches, class(&end)),
        (RunEnding::Failed, 0, Some(ErrorClass::Infrastructure))
    );
    let sends = vec![Send::Fails(ExecutorError::unavailable("connection refused")); 5];
    assert_eq!(
        one(Script {
            sends,
            ..Script::default()
        })
        .0,
        RunEnding::Succeeded
    );
}

#[test]
fn what_nobody_can_tell_is_unknown_unless_the_dag_says_retry() {
    let script = Script {
        sends: vec![Send::LostAnswer],
        recovery: Recovery::Never,
        ..Script::default()
    };
    let (ending, _, launches, end) = one(script.clone());
    assert_eq!(
        (ending, launches, class(&end)),
        (RunEnding::Failed, 1, Some(ErrorClass::Unknown))
    );

    let dag = dag(vec![task("t", &[], |task| {
        task.on_unknown = OnUnknown::Retry;
    })]);
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(
        engine.world.ledger.len(),
        2,
        "a new attempt under a new key"
    );
    engine.launched_at_most_once();
}

#[test]
fn detached_work_succeeds_when_the_launch_is_confirmed_and_is_left_alone() {
    let dag = dag(vec![task("t", &[], |task| task.wait = Wait::Detach)]);
    let mut engine = Engine::new(
        &dag,
        World::default().with(
            "t",
            Script {
                lasts: None,
                ..Script::default()
            },
        ),
    );
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.cancels, 0);
    assert!(engine.run.tasks[0].output().is_some());
}

#[test]
fn an_attempt_that_cannot_be_prepared_ends_as_failed_in_the_same_step_and_frees_its_slot() {
    let broken = |task: &mut crate::dag::TaskDefinition| {
        task.with.insert("bad".to_owned(), serde_json::json!(1));
    };
    let dag = dag(vec![
        task("a", &[], broken),
        task("b", &[], |_| {}),
        task("c", &["a"], |_| {}),
    ]);
    let mut engine = Engine::new(&dag, World::default()).slots(1);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.states()["b"], "succeeded");
    assert_eq!(engine.states()["c"], "upstream_failed");
    assert_eq!(engine.world.ledger.len(), 1);
}
