//! Cancels, deadlines and marks.

use std::time::Duration;

use noctule_executor::{ErrorClass, ExecutorError, Recovery};

use super::world::{Engine, Script, Send, World, at, dag, dag_with, failed, task};
use crate::dag::{Retries, TriggerRule};
use crate::run::{
    Actor, AttemptEnd, AttemptState, Event, Nature, News, RetryScope, RunEnding, TaskRunIx,
    Verdict, plan_retry,
};

fn somebody() -> Actor {
    Actor {
        name: "operator".to_owned(),
        via: "cli".to_owned(),
    }
}

fn cancel() -> Event {
    Event::Cancel {
        by: somebody(),
        reason: None,
    }
}

fn endless() -> Script {
    Script {
        lasts: None,
        ..Script::default()
    }
}

#[test]
fn a_deadline_cancels_the_remote_work_once_and_says_so() {
    let dag = dag(vec![
        task("t", &[], |task| {
            task.timeout = Some(Duration::from_secs(3600));
        }),
        task("after", &["t"], |_| {}),
    ]);
    let mut engine = Engine::new(&dag, World::default().with("t", endless()));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    assert_eq!(engine.now, at(3600));
    assert_eq!(engine.world.cancels, 1);
    assert_eq!(engine.states()["t"], "timed_out");
    assert_eq!(engine.states()["after"], "upstream_failed");
}

#[test]
fn work_that_succeeded_before_the_cancel_reached_it_succeeded() {
    let dag = dag(vec![task("t", &[], |task| {
        task.timeout = Some(Duration::from_secs(5));
    })]);
    let mut engine = Engine::new(&dag, World::default());
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
}

#[test]
fn work_that_does_not_begin_in_time_never_started() {
    let dag = dag(vec![task("t", &[], |task| {
        task.start_timeout = Some(Duration::from_secs(20));
    })]);
    let script = Script {
        sends: vec![Send::LostRequest, Send::LostRequest, Send::LostRequest],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let AttemptState::Ended(ended) = &engine.run.tasks[0].attempts[0].state else {
        panic!("not ended")
    };
    assert!(
        matches!(
            ended.end,
            AttemptEnd::Failed {
                class: ErrorClass::NeverStarted,
                ..
            }
        ),
        "{ended:?}"
    );
    assert!(
        engine.world.ledger.is_empty(),
        "nothing may be sent again once it is to stop"
    );
}

#[test]
fn the_deadline_of_a_run_times_out_what_lives_and_cancels_the_rest() {
    let dag = dag_with(
        vec![task("t", &[], |_| {}), task("next", &["t"], |_| {})],
        |definition| {
            definition.timeout = Some(Duration::from_secs(60));
        },
    );
    let mut engine = Engine::new(&dag, World::default().with("t", endless()));
    assert_eq!(engine.run_to_end(), RunEnding::TimedOut);
    assert_eq!(engine.states()["t"], "timed_out");
    assert_eq!(engine.states()["next"], "cancelled");
}

#[test]
fn after_a_cancel_nothing_starts_but_all_done_tasks() {
    let clean_up = |task: &mut crate::dag::TaskDefinition| task.trigger_rule = TriggerRule::AllDone;
    let dag = dag(vec![
        task("t", &[], |_| {}),
        task("next", &["t"], |_| {}),
        task("clean", &["t"], clean_up),
    ]);
    let mut engine = Engine::new(&dag, World::default().with("t", endless()));
    engine.until(10);
    engine.happen(cancel());
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert_eq!(engine.states()["t"], "cancelled");
    assert_eq!(engine.states()["next"], "cancelled");
    assert_eq!(engine.states()["clean"], "succeeded");
}

#[test]
fn a_cancel_while_the_launch_is_unknown_searches_on_and_cancels_what_it_finds() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let script = Script {
        sends: vec![Send::LostAnswer],
        ..endless()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(0);
    engine.happen(cancel());
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert_eq!((engine.world.ledger.len(), engine.world.cancels), (1, 1));
}

#[test]
fn a_cancel_while_the_launch_is_unknown_never_sends_again() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let script = Script {
        sends: vec![Send::LostRequest],
        ..endless()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(2);
    engine.happen(cancel());
    assert_eq!(engine.run_to_end(), RunEnding::Cancelled);
    assert!(
        engine.now >= at(30),
        "the search goes on through the quiet period"
    );
    assert!(engine.world.ledger.is_empty());
}

#[test]
fn a_search_that_says_nobody_will_ever_know_ends_a_stopped_launch_as_unknown() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let script = Script {
        sends: vec![Send::LostAnswer],
        ..endless()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    engine.until(0);
    engine.happen(cancel());
    let error = ExecutorError::rejected(ErrorClass::Unknown, "it may have run");
    engine.happen(Event::News {
        task: TaskRunIx(0),
        attempt: 1,
        news: News::LookFailed { error },
    });
    assert!(engine.run.is_over(), "{:#?}", engine.run);
    let AttemptState::Ended(ended) = &engine.run.tasks[0].attempts[0].state else {
        panic!("not ended")
    };
    let class = ErrorClass::Unknown;
    assert!(
        matches!(&ended.end, AttemptEnd::Failed { class: said, .. } if *said == class),
        "never said to be cancelled: {ended:#?}"
    );
}

#[test]
fn a_call_that_is_cut_by_a_cancel_is_unknown_not_cancelled() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.world = World::default().with(
        "t",
        Script {
            nature: Nature::Attached,
            recovery: Recovery::Never,
            ..endless()
        },
    );
    engine.happen(Event::Begin);
    engine.happen(Event::Admit {
        tasks: vec![TaskRunIx(0)],
    });
    engine.happen(cancel());
    let AttemptState::Ended(ended) = &engine.run.tasks[0].attempts[0].state else {
        panic!("not ended")
    };
    assert!(
        matches!(
            ended.end,
            AttemptEnd::Failed {
                class: ErrorClass::Unknown,
                ..
            }
        ),
        "{ended:?}"
    );
}

#[test]
fn a_cancelled_queued_run_ends_at_once() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default());
    engine.happen(cancel());
    assert!(engine.run.is_over());
    assert_eq!(engine.states()["t"], "cancelled");
}

#[test]
fn work_whose_end_is_never_seen_after_a_cancel_is_unknown() {
    let dag = dag(vec![task("t", &[], |_| {})]);
    let mut engine = Engine::new(&dag, World::default().with("t", endless()));
    engine.until(3);
    engine.happen(cancel());
    engine.now = at(3_000);
    engine.happen(Event::Due);
    let AttemptState::Ended(ended) = &engine.run.tasks[0].attempts[0].state else {
        panic!("not ended")
    };
    assert!(
        matches!(
            ended.end,
            AttemptEnd::Failed {
                class: ErrorClass::Unknown,
                ..
            }
        ),
        "{ended:?}"
    );
}

#[test]
fn a_mark_stops_running_work_first() {
    let dag = dag(vec![task("t", &[], |_| {}), task("next", &["t"], |_| {})]);
    let mut engine = Engine::new(&dag, World::default().with("t", endless()));
    engine.until(3);
    let mark = Event::Mark {
        task: TaskRunIx(0),
        verdict: Verdict::Succeeded,
        leave_running: false,
        by: somebody(),
        reason: None,
    };
    engine.happen(mark);
    assert_eq!(engine.states()["t"], "running");
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.world.cancels, 1);
    assert_eq!(engine.states()["next"], "succeeded");
}

#[test]
fn a_retry_takes_the_failed_tasks_and_what_follows_and_keeps_the_run_and_its_ids() {
    let dag = dag(vec![
        task("a", &[], |_| {}),
        task("b", &["a"], |_| {}),
        task("c", &["b"], |_| {}),
    ]);
    let script = Script {
        outcomes: vec![failed(ErrorClass::User)],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("b", script));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let facts = engine.run.facts.clone();
    let tasks = plan_retry(&dag, &engine.run, &RetryScope::default()).unwrap();
    assert_eq!(tasks, [TaskRunIx(1), TaskRunIx(2)]);
    engine.happen(Event::Retry {
        tasks,
        by: somebody(),
        reason: None,
        backfill: None,
        definition: None,
    });
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.run.facts, facts);
    assert_eq!(engine.run.round, 2);
    assert_eq!(
        engine.run.tasks[1]
            .attempts
            .iter()
            .map(|attempt| attempt.number)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(engine.run.tasks[0].attempts.len(), 1);
    engine.launched_at_most_once();
}

#[test]
fn a_new_round_begins_the_budget_of_retries_anew() {
    let dag = dag(vec![task("t", &[], |task| {
        task.retries = Retries {
            max: 1,
            ..Retries::default()
        }
    })]);
    let script = Script {
        outcomes: vec![failed(ErrorClass::User); 3],
        ..Script::default()
    };
    let mut engine = Engine::new(&dag, World::default().with("t", script));
    assert_eq!(engine.run_to_end(), RunEnding::Failed);
    let tasks = plan_retry(&dag, &engine.run, &RetryScope::default()).unwrap();
    engine.happen(Event::Retry {
        tasks,
        by: somebody(),
        reason: None,
        backfill: None,
        definition: None,
    });
    assert_eq!(engine.run_to_end(), RunEnding::Succeeded);
    assert_eq!(engine.run.tasks[0].attempts.len(), 4);
}
