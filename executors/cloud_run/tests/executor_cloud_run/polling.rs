//! Polls: few requests, no verdict from a failed one, and no success that is none.

use std::sync::Arc;
use std::time::Duration;

use noctule_cloud_run::{CloudRun, Handle};
use noctule_executor::{Context, ErrorClass, Executor, ExecutorError, Outcome, Status};
use serde_json::{Value, json};

use crate::records::{KEY, OTHER_KEY, execution, failed, running, succeeded, with};
use crate::scripted::{Reply, Scripted};
use crate::world::{Counted, connection, context, context_of, handle, quick, suited_to, word};

pub(crate) const ONCE: Duration = Duration::ZERO;
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) async fn poll(context: &Context, handles: &[Handle], patience: Duration) -> Vec<String> {
    poll_by(&quick(), context, handles, patience).await
}

pub(crate) async fn poll_by(
    executor: &CloudRun,
    context: &Context,
    handles: &[Handle],
    patience: Duration,
) -> Vec<String> {
    let answers = executor.poll(context, handles, patience).await;
    answers.iter().map(state).collect()
}

fn state(answer: &Result<Status, ExecutorError>) -> String {
    match answer {
        Err(error) => word(error),
        Ok(Status::Launching) => "launching".to_owned(),
        Ok(Status::Running { .. }) => "running".to_owned(),
        Ok(Status::Lost { .. }) => "lost".to_owned(),
        Ok(Status::Finished(finished)) => match &finished.outcome {
            Outcome::Succeeded { .. } => "succeeded".to_owned(),
            Outcome::Failed { class, .. } => format!("failed {class}"),
            Outcome::Cancelled { .. } => "cancelled".to_owned(),
        },
        Ok(other) => format!("{other:?}"),
    }
}

/// Answers one request after another; the last answer stays.
pub(crate) async fn in_turn(replies: Vec<Reply>) -> Scripted {
    let mut replies = replies.into_iter().peekable();
    let mut last = None;
    Scripted::start(move |_| {
        last = replies.next().or(last.take());
        last.clone().unwrap()
    })
    .await
}

pub(crate) fn ours() -> Value {
    execution("etl-1", KEY, 11)
}

#[tokio::test]
async fn without_patience_it_asks_once() {
    let cloud = in_turn(vec![Reply::ok(ours())]).await;
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    assert_eq!(
        poll(&context(&cloud.url), &handles, ONCE).await,
        ["launching"]
    );
    assert_eq!(cloud.lines(), ["GET etl/executions/etl-1"]);
}

#[tokio::test]
async fn with_patience_it_returns_at_the_end_of_the_work() {
    let cloud = in_turn(vec![
        Reply::ok(ours()),
        Reply::ok(running(ours())),
        Reply::ok(running(ours())),
        Reply::ok(succeeded(ours())),
    ])
    .await;
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    assert_eq!(
        poll(&context(&cloud.url), &handles, LONG).await,
        ["succeeded"]
    );
    assert_eq!(cloud.asked().len(), 4);
}

#[tokio::test]
async fn patience_ends() {
    let cloud = in_turn(vec![Reply::ok(running(ours()))]).await;
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    let patience = Duration::from_millis(30);
    assert_eq!(
        poll(&context(&cloud.url), &handles, patience).await,
        ["running"]
    );
}

#[tokio::test]
async fn a_failed_poll_is_no_verdict() {
    let wait = |value: &str| Reply::Raw(503, "retry-after", value.to_owned(), String::new());
    for (reply, expected) in [
        (Reply::error(500, "INTERNAL"), "unavailable"),
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (wait("4"), "throttled 4000ms"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
        (Reply::error(401, "UNAUTHENTICATED"), "unavailable"),
        (Reply::error(403, "PERMISSION_DENIED"), "alarm"),
        (Reply::html(404), "alarm"),
        (Reply::html(502), "unavailable"),
        (Reply::html(200), "unavailable"),
        (Reply::ok(json!({})), "unavailable"),
        (
            Reply::ok(succeeded(execution("etl-2", KEY, 11))),
            "unavailable",
        ),
        (Reply::Truncated, "unavailable"),
        (Reply::Reset, "unavailable"),
        (Reply::Hang, "unavailable"),
    ] {
        let cloud = in_turn(vec![reply.clone()]).await;
        let handles = [handle(&cloud.url, "etl", "etl-1")];
        let executor = suited_to(&reply);
        let states = poll_by(&executor, &context(&cloud.url), &handles, ONCE).await;
        assert_eq!(states, [expected], "{reply:?}");
    }
}

#[tokio::test]
async fn it_is_lost_only_when_it_is_missing_twice() {
    let gone = || Reply::error(404, "NOT_FOUND");
    for (replies, expected) in [
        (vec![gone(), gone()], "lost"),
        (vec![gone(), Reply::ok(running(ours()))], "running"),
        (
            vec![gone(), Reply::error(503, "UNAVAILABLE")],
            "unavailable",
        ),
    ] {
        let cloud = in_turn(replies.clone()).await;
        let handles = [handle(&cloud.url, "etl", "etl-1")];
        let states = poll(&context(&cloud.url), &handles, ONCE).await;
        assert_eq!(states, [expected], "{replies:?}");
        assert_eq!(cloud.asked().len(), 2, "{replies:?}");
    }
}

#[tokio::test]
async fn a_name_that_was_given_again_is_not_our_work() {
    let again = |fields: Value| Reply::ok(succeeded(with(ours(), fields)));
    let other_key = Reply::ok(succeeded(execution("etl-1", OTHER_KEY, 30)));
    for reply in [again(json!({ "uid": "another" })), other_key] {
        let cloud = in_turn(vec![reply.clone()]).await;
        let handles = [handle(&cloud.url, "etl", "etl-1")];
        assert_eq!(
            poll(&context(&cloud.url), &handles, ONCE).await,
            ["lost"],
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn a_record_that_contradicts_itself_is_read_again() {
    let half = || Reply::ok(with(succeeded(ours()), json!({ "succeededCount": 0 })));
    for (replies, expected) in [
        (vec![half(), Reply::ok(succeeded(ours()))], "succeeded"),
        (vec![half(), half()], "failed unknown"),
    ] {
        let cloud = in_turn(replies).await;
        let handles = [handle(&cloud.url, "etl", "etl-1")];
        assert_eq!(poll(&context(&cloud.url), &handles, ONCE).await, [expected]);
    }
}

#[tokio::test]
async fn done_is_not_succeeded() {
    let cancelled = with(
        ours(),
        json!({
            "startTime": "2026-01-13T12:20:00Z", "completionTime": "2026-01-13T12:21:00Z",
            "conditions": [{ "type": "Completed", "state": "CONDITION_FAILED", "executionReason": "CANCELLED" }],
        }),
    );
    let some_failed = with(
        succeeded(ours()),
        json!({ "failedCount": 1, "taskCount": 2 }),
    );
    for (record, expected) in [(cancelled, "cancelled"), (some_failed, "failed user")] {
        let cloud = Scripted::start(move |asked| match asked.path.ends_with("/tasks") {
            true => Reply::ok(json!({})),
            false => Reply::ok(record.clone()),
        })
        .await;
        let handles = [handle(&cloud.url, "etl", "etl-1")];
        assert_eq!(poll(&context(&cloud.url), &handles, ONCE).await, [expected]);
    }
}

async fn with_tasks(mut tasks: impl FnMut() -> Reply + Send + 'static) -> (Scripted, Outcome) {
    let cloud = Scripted::start(move |asked| match asked.path.ends_with("/tasks") {
        true => tasks(),
        false => Reply::ok(failed(ours())),
    })
    .await;
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    let answers = quick().poll(&context(&cloud.url), &handles, ONCE).await;
    let Some(Ok(Status::Finished(finished))) = answers.into_iter().next() else {
        panic!("it has ended")
    };
    (cloud, finished.outcome)
}

#[tokio::test]
async fn the_exit_code_comes_from_the_first_failed_task() {
    let (_cloud, outcome) = with_tasks(|| {
        Reply::ok(json!({ "tasks": [
            { "index": 3, "lastAttemptResult": { "exitCode": 5 } },
            { "lastAttemptResult": { "exitCode": 0 } },
            { "index": 1, "lastAttemptResult": { "exitCode": 7, "status": { "code": 2 } } },
        ] }))
    })
    .await;
    let Outcome::Failed {
        class,
        message,
        output,
    } = outcome
    else {
        panic!("it has failed")
    };
    assert_eq!(class, ErrorClass::User);
    assert_eq!(message, "Task etl-task0 failed (task 1 exited with 7)");
    let output = output.unwrap();
    assert_eq!(
        (&output["exit_code"], &output["failed_count"]),
        (&json!(7), &json!(1))
    );
}

#[tokio::test]
async fn a_verdict_does_not_wait_for_its_exit_code_for_ever() {
    let (cloud, outcome) = with_tasks(|| Reply::error(503, "UNAVAILABLE")).await;
    assert!(matches!(
        outcome,
        Outcome::Failed {
            class: ErrorClass::User,
            ..
        }
    ));
    assert_eq!(cloud.asked().len(), 3);
    let (cloud, outcome) = with_tasks(|| Reply::error(403, "PERMISSION_DENIED")).await;
    assert!(matches!(
        outcome,
        Outcome::Failed {
            class: ErrorClass::User,
            ..
        }
    ));
    assert_eq!(cloud.asked().len(), 2);
}

#[tokio::test]
async fn a_connection_that_points_elsewhere_alarms_and_asks_nothing() {
    let cloud = in_turn(vec![Reply::error(404, "NOT_FOUND")]).await;
    let elsewhere = [handle("http://127.0.0.1:1", "etl", "etl-1")];
    assert_eq!(
        poll(&context(&cloud.url), &elsewhere, LONG).await,
        ["alarm"]
    );
    let moved = context_of(connection(&cloud.url, json!({ "project": "q" })), &[]);
    let handles = [handle(&cloud.url, "etl", "etl-1")];
    assert_eq!(poll(&moved, &handles, LONG).await, ["alarm"]);
    assert_eq!(cloud.asked().len(), 0);
}

#[tokio::test]
async fn every_request_takes_from_the_budget() {
    let cloud = in_turn(vec![
        Reply::ok(running(ours())),
        Reply::ok(running(ours())),
        Reply::ok(succeeded(ours())),
    ])
    .await;
    let budget = Arc::new(Counted::default());
    let mut context = context(&cloud.url);
    context.budget = budget.clone();
    poll(&context, &[handle(&cloud.url, "etl", "etl-1")], LONG).await;
    assert_eq!(budget.taken(), (0, 3));
}

#[tokio::test]
async fn nothing_to_ask_about_is_no_request() {
    assert!(
        poll(&context("http://127.0.0.1:1"), &[], LONG)
            .await
            .is_empty()
    );
}
