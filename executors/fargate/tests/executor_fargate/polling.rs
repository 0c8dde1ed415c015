//! Polls: many tasks in few calls, and what every answer means.

use std::time::Duration;

use noctule_executor::{ErrorClass, Executor, ExecutorError, Outcome, Status};
use serde_json::json;

use crate::records::{KEY, arn, failure, stopped, task, tasks};
use crate::scripted::{Reply, Scripted};
use crate::world::{Counted, at, handle, quick, word_of};

const ONCE: Duration = Duration::ZERO;

fn status_word(status: &Result<Status, ExecutorError>) -> String {
    match status {
        Ok(Status::Elsewhere { host }) => format!("on {host}"),
        Err(error) => word_of(error),
        Ok(Status::Launching) => "launching".to_owned(),
        Ok(Status::Running { .. }) => "running".to_owned(),
        Ok(Status::Advanced { .. }) => "advanced".to_owned(),
        Ok(Status::Ready { .. }) => "ready".to_owned(),
        Ok(Status::Lost { .. }) => "lost".to_owned(),
        Ok(Status::Finished(finished)) => match &finished.outcome {
            Outcome::Succeeded { .. } => "succeeded".to_owned(),
            Outcome::Cancelled { .. } => "cancelled".to_owned(),
            Outcome::Failed { class, .. } => format!("failed {class}"),
        },
    }
}

async fn poll_one(reply: Reply, minutes: i64) -> (String, usize) {
    let ecs = Scripted::start(move |_| reply.clone()).await;
    let handle = handle(&ecs.url, "t1", minutes, json!({}));
    let answers = quick().poll(&at(&ecs.url), &[handle], ONCE).await;
    (status_word(&answers[0]), ecs.of("DescribeTasks").len())
}

#[tokio::test]
async fn five_hundred_tasks_are_five_calls() {
    let ecs = Scripted::start(move |asked| {
        let asked = asked.json()["tasks"].clone();
        let ids = asked.as_array().unwrap().iter();
        let known: Vec<_> = ids
            .map(|arn| {
                task(
                    arn.as_str().unwrap().rsplit('/').next().unwrap(),
                    KEY,
                    "RUNNING",
                )
            })
            .collect();
        assert!(known.len() <= 100, "{} tasks in one call", known.len());
        tasks(&known)
    })
    .await;
    let mut context = at(&ecs.url);
    let budget = Counted::of(&mut context);
    let handles: Vec<_> = (0..500)
        .map(|n| handle(&ecs.url, &format!("t{n}"), 60, json!({})))
        .collect();
    let answers = quick().poll(&context, &handles, ONCE).await;
    assert_eq!(answers.len(), 500);
    assert!(
        answers
            .iter()
            .all(|answer| status_word(answer) == "running")
    );
    assert_eq!(ecs.of("DescribeTasks").len(), 5);
    assert_eq!(budget.taken(), (0, 5));
}

#[tokio::test]
async fn answers_stand_where_their_handles_stood() {
    let known = [
        stopped("b", KEY, 0),
        task("c", KEY, "PENDING"),
        stopped("a", KEY, 2),
    ];
    let ecs = Scripted::start(move |_| {
        Reply::ok(json!({ "tasks": known, "failures": [{ "arn": arn("d"), "reason": "MISSING" }] }))
    })
    .await;
    let elsewhere = handle("http://127.0.0.1:1", "x", 60, json!({}));
    let mut handles: Vec<_> = ["a", "d", "b", "c"]
        .map(|id| handle(&ecs.url, id, 60, json!({})))
        .into();
    handles.insert(2, elsewhere);
    let answers = quick().poll(&at(&ecs.url), &handles, ONCE).await;
    let words: Vec<_> = answers.iter().map(status_word).collect();
    assert_eq!(
        words,
        ["failed user", "lost", "alarm", "succeeded", "launching"]
    );
}

#[tokio::test]
async fn missing_right_after_the_launch_is_not_lost() {
    let missing = || failure(&arn("t1"), "MISSING");
    assert_eq!(poll_one(missing(), 0).await, ("launching".to_owned(), 1));
    assert_eq!(poll_one(missing(), 4).await, ("launching".to_owned(), 1));
    assert_eq!(poll_one(missing(), 6).await, ("lost".to_owned(), 2));
    assert_eq!(poll_one(tasks(&[]), 0).await, ("launching".to_owned(), 1));
    assert_eq!(poll_one(tasks(&[]), 6).await, ("lost".to_owned(), 2));
}

#[tokio::test]
async fn what_looks_lost_is_asked_again() {
    let mut asked = 0;
    let ecs = Scripted::start(move |_| {
        asked += 1;
        match asked {
            1 => failure(&arn("t1"), "MISSING"),
            _ => tasks(&[task("t1", KEY, "RUNNING")]),
        }
    })
    .await;
    let handle = handle(&ecs.url, "t1", 60, json!({}));
    let answers = quick().poll(&at(&ecs.url), &[handle], ONCE).await;
    assert_eq!(status_word(&answers[0]), "running");
}

#[tokio::test]
async fn a_failed_poll_is_no_verdict() {
    for (reply, expected) in [
        (
            Reply::error(400, "ThrottlingException", "Rate exceeded"),
            "throttled",
        ),
        (Reply::error(500, "ServerException", "busy"), "unavailable"),
        (Reply::error(400, "ClusterNotFoundException", "no"), "alarm"),
        (Reply::error(400, "AccessDeniedException", "no"), "alarm"),
        (Reply::Reset, "unavailable"),
        (Reply::Truncated, "unavailable"),
        (failure(&arn("t1"), "SOMETHING"), "unavailable"),
        (Reply::Json(404, json!({})), "alarm"),
    ] {
        let text = format!("{reply:?}");
        assert_eq!(poll_one(reply, 60).await.0, expected, "{text}");
    }
}

#[tokio::test]
async fn a_poll_returns_when_one_has_ended() {
    let mut asked = 0;
    let ecs = Scripted::start(move |_| {
        asked += 1;
        let soon = if asked < 3 {
            task("b", KEY, "RUNNING")
        } else {
            stopped("b", KEY, 0)
        };
        tasks(&[task("a", KEY, "RUNNING"), soon])
    })
    .await;
    let handles = ["a", "b"].map(|id| handle(&ecs.url, id, 60, json!({})));
    let answers = quick()
        .poll(&at(&ecs.url), &handles, Duration::from_secs(600))
        .await;
    let words: Vec<_> = answers.iter().map(status_word).collect();
    assert_eq!(words, ["running", "succeeded"]);
}

#[tokio::test]
async fn a_failure_tells_its_last_log_lines() {
    for (log, end) in [
        (
            Reply::ok(
                json!({ "events": [{ "message": "reading" }, { "message": "no such file\n" }] }),
            ),
            "last log lines: reading | no such file",
        ),
        (
            Reply::error(400, "ResourceNotFoundException", "no stream"),
            "it wrote no log",
        ),
        (
            Reply::error(400, "AccessDeniedException", "no"),
            "its log could not be read: missing right `logs:GetLogEvents`",
        ),
    ] {
        let ecs = Scripted::start(move |asked| match asked.action().as_str() {
            "GetLogEvents" => log.clone(),
            _ => tasks(&[stopped("t1", KEY, 3)]),
        })
        .await;
        let place = json!({ "log": { "group": "/ecs/etl", "stream": "ecs/main/t1", "region": "us-east-1" } });
        let answers = quick()
            .poll(&at(&ecs.url), &[handle(&ecs.url, "t1", 60, place)], ONCE)
            .await;
        let Ok(Status::Finished(finished)) = &answers[0] else {
            panic!("it ended: {answers:?}")
        };
        let Outcome::Failed { class, message, .. } = &finished.outcome else {
            panic!("it failed: {finished:?}")
        };
        assert_eq!(*class, ErrorClass::User);
        assert!(
            message.starts_with("task `t1`: container `main` exited with 3"),
            "{message}"
        );
        assert!(message.contains(end), "{message}");
        let asked = ecs.of("GetLogEvents");
        assert_eq!(asked.len(), 1);
        assert!(
            asked[0]
                .header("authorization")
                .unwrap()
                .contains("/us-east-1/logs/aws4_request")
        );
    }
}
