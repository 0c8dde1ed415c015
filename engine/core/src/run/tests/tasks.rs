//! Gates, judgements and retries of tasks inside a run.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Outcome};

use super::world::{Engine, Script, World, at, dag, failed, succeeded, task};
use crate::dag::Retries;
use crate::run::{Event, Fact, News, RunEnding, TaskRunIx};

#[test]
fn dependants_become_ready_in_the_step_in_which_their_last_dependency_ends() {
    let dag = dag(vec![task("a", &[], |_| {}), task("b", &["a"], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.until(4);
    assert_eq!(engine.states()["b"], "waiting");
    let end = News::Polled {
        status: noctule_executor::Status::Finished(noctule_executor::Finished::now(succeeded())),
    };
    let step = engine.happen(Event::News {
        task: TaskRunIx(0),
        attempt: 1,
        news: end,
    });
    assert_eq!(step.touched.len(), 2);
    assert_eq!(engine.states()["b"], "ready");
}

#[test]
fn a_failure_stops_what_follows_and_fails_the_run_unless_it_may_fail() {
    let script = Script {
        outcomes: vec![failed(ErrorClass::User)],
        ..Script::default()
    };
    let strict = dag(vec![task("a", &[], |_| {}), task("b", &["a"], |_| {})]);
    let mut engine = Engine::new(&strict, World::default().with("a", script.clone()));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.states()["b"], "upstream_failed");

    let lenient = dag(vec![task("a", &[], |task| task.may_fail = true)]);
    let mut engine = Engine::new(&lenient, World::default().with("a", script));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
}

#[test]
fn when_false_skips_visibly_and_an_expression_that_errs_fails() {
    let dag = dag(vec![
        task("skipped", &[], |task| task.when = Some("no".to_owned())),
        task("passed_down", &["skipped"], |_| {}),
        task("broken", &[], |task| task.when = Some("error".to_owned())),
    ]);
    let world = World::default()
        .when("no", Ok(false))
        .when("error", Err("no such thing".to_owned()));
    let mut engine = Engine::new(&dag, world);
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let states = engine.states();
    assert_eq!(
        (states["skipped"], states["passed_down"], states["broken"]),
        ("skipped", "skipped", "failed")
    );
}

#[test]
fn skip_when_is_judged_on_any_outcome_that_has_output_and_before_success() {
    let both = |task: &mut crate::dag::TaskDefinition| {
        task.skip_when = Some("missing".to_owned());
        task.success = Some("bad".to_owned());
    };
    let dag = dag(vec![task("t", &[], both)]);
    let output = Some(serde_json::json!({"error": "file not found"}));
    for outcome in [succeeded(), Outcome::failed(ErrorClass::User, "x", output)] {
        let script = Script {
            outcomes: vec![outcome],
            ..Script::default()
        };
        let world = World::default()
            .with("t", script)
            .when("missing", Ok(true))
            .when("bad", Ok(false));
        let mut engine = Engine::new(&dag, world);
        engine.run_to_end();
        assert_eq!(engine.states()["t"], "skipped");
    }
}

#[test]
fn success_is_the_verdict_of_the_executor_and_then_of_the_task() {
    let dag = dag(vec![task("t", &[], |task| {
        task.success = Some("good".to_owned());
    })]);
    let mut engine = Engine::new(&dag, World::default().when("good", Ok(false)));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert!(engine.run.tasks[0].output().is_none());
}

#[test]
fn only_listed_classes_are_tried_again_with_growing_pauses() {
    let retries = Retries {
        max: 3,
        delay: Duration::from_secs(10),
        max_delay: Duration::from_secs(25),
        ..Retries::default()
    };
    let dag = dag(vec![task("t", &[], |task| task.retries = retries.clone())]);
    let script = Script {
        outcomes: vec![failed(ErrorClass::Infrastructure); 3],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    let pauses: Vec<_> = engine
        .facts
        .iter()
        .filter(|fact| matches!(fact, Fact::TaskBackoff { .. }))
        .collect();
    assert_eq!(pauses.len(), 3);
    assert_eq!(engine.now, at(4 * 5 + 10 + 20 + 25));

    let script = Script {
        outcomes: vec![failed(ErrorClass::Config)],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.run.tasks[0].attempts.len(), 1);
}

#[test]
fn work_cancelled_from_outside_is_never_success_and_fails_the_run() {
    let dag = dag(vec![task("t", &[], |task| {
        task.retries = Retries {
            max: 3,
            ..Retries::default()
        }
    })]);
    let outcomes = vec![Outcome::Cancelled {
        by: None,
        output: None,
    }];
    let mut engine = Engine::new(
        &dag,
        World::default().with(
            "t",
            Script {
                outcomes,
                ..Script::default()
            },
        ),
    );
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.states()["t"], "cancelled");
}

#[test]
fn failed_polls_change_nothing_and_an_alarm_is_said_once() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.until(2);
    for _ in 0..20 {
        let news = News::PollFailed {
            error: ExecutorError::unavailable("503"),
        };
        assert!(
            engine
                .happen(Event::News {
                    task: TaskRunIx(0),
                    attempt: 1,
                    news
                })
                .is_empty()
        );
    }
    let alarm = || News::PollFailed {
        error: ExecutorError::alarm("403"),
    };
    assert_eq!(
        engine
            .happen(Event::News {
                task: TaskRunIx(0),
                attempt: 1,
                news: alarm()
            })
            .records
            .len(),
        1
    );
    assert!(
        engine
            .happen(Event::News {
                task: TaskRunIx(0),
                attempt: 1,
                news: alarm()
            })
            .is_empty()
    );
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
}

#[test]
fn a_late_answer_is_recorded_and_changes_nothing() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.run_to_end();
    let before = engine.run.clone();
    let news = News::LaunchFailed {
        error: ExecutorError::unknown("reset"),
    };
    let step = engine.happen(Event::News {
        task: TaskRunIx(0),
        attempt: 1,
        news,
    });
    assert_eq!(engine.run, before);
    assert!(step.touched.is_empty() && matches!(step.records[0].fact, Fact::LateAnswer { .. }));
}

#[test]
fn a_slot_is_held_by_block_and_freed_by_poll() {
    for (wait, together) in [
        (noctule_executor::Wait::Block, 1),
        (noctule_executor::Wait::Poll, 3),
    ] {
        let tasks = ["a", "b", "c"].map(|name| task(name, &[], |task| task.wait = wait));
        let dag = dag(tasks.to_vec());
        let mut engine = Engine::new(&dag, World::default()).slots(1);
        engine.until(4);
        assert_eq!(engine.world.ledger.len(), together, "{wait:?}");
    }
}

#[test]
fn priority_goes_first_among_ready_tasks() {
    let dag = dag(vec![
        task("low", &[], |_| {}),
        task("high", &[], |task| task.priority = 5),
    ]);
    let mut engine = Engine::new(&dag, World::default()).slots(1);
    engine.until(1);
    assert_eq!(engine.states()["high"], "running");
    assert_eq!(engine.states()["low"], "ready");
}

#[test]
fn a_late_answer_of_an_older_attempt_does_not_touch_the_live_one() {
    let retries = Retries {
        max: 1,
        delay: Duration::from_secs(1),
        ..Retries::default()
    };
    let dag = dag(vec![task("t", &[], |task| task.retries = retries)]);
    let script = Script {
        outcomes: vec![failed(ErrorClass::User)],
        lasts: Some(5),
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(8);
    assert_eq!(engine.run.tasks[0].attempts.len(), 2);
    let before = engine.run.clone();
    let status = noctule_executor::Status::Finished(noctule_executor::Finished::now(succeeded()));
    let step = engine.happen(Event::News {
        task: TaskRunIx(0),
        attempt: 1,
        news: News::Polled { status },
    });
    assert_eq!(engine.run, before);
    assert!(matches!(step.records[0].fact, Fact::LateAnswer { .. }));
}
