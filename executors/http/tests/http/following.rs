//! The asynchronous form: an answer that accepts, questions until the end, and doubts that are no verdicts.

use std::time::Duration;

use serde_json::{Value, json};

use noctule_executor::{AnyExecutor, ErrorClass, ExecutorError, Outcome, Status};
use noctule_executor_testing::{CANARY, context};
use noctule_http::Http;

use crate::evil::{Deed, Evil, answer};
use crate::{class, http, launch, outcome, poll, poll_for};

fn accepted(url: &str) -> Deed {
    answer(
        "202 Accepted",
        "",
        &json!({ "status_url": url }).to_string(),
    )
}

fn state(state: &str) -> Deed {
    answer("200 OK", "", &json!({ "state": state }).to_string())
}

fn with(url: String) -> Value {
    json!({
        "url": url, "json": {},
        "auth": { "bearer": { "secret": "token" } },
        "poll": {
            "url": "{{ answer.body.status_url }}",
            "headers": { "X-Key": { "secret": "key" }, "X-Plain": "1" },
            "until": "body.state == 'done'",
            "fail_if": "body.state == 'failed' or body.status == 'validation_failed'",
            "interval": "5ms",
        },
    })
}

async fn followed(deeds: impl IntoIterator<Item = Deed>) -> (Evil, Value) {
    let deeds: Vec<_> = std::iter::once(accepted("/jobs/1")).chain(deeds).collect();
    let evil = Evil::new(deeds).await;
    let handle = launch(with(evil.url("/jobs?v=1"))).await.expect("accepted");
    (evil, handle)
}

#[tokio::test]
async fn work_is_asked_for_until_it_is_done() {
    let (evil, handle) = followed([state("queued"), state("running"), state("done")]).await;
    let outcome = outcome(poll_for(&handle, Duration::from_secs(9)).await);
    let output = outcome.output().expect("an output");
    assert_eq!(output["body"]["state"], "done");
    let heard = evil.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard[1].starts_with("GET /jobs/1 "), "{}", heard[1]);
    assert!(
        heard[1].contains(&format!("authorization: Bearer {CANARY}")),
        "{}",
        heard[1]
    );
    assert!(heard[1].contains("x-plain: 1"));
}

#[tokio::test]
async fn work_that_fails_says_so_with_its_answer() {
    let (_evil, handle) = followed([state("failed")]).await;
    let outcome = outcome(poll(&handle).await);
    assert_eq!(class(&outcome), Some(ErrorClass::User));
    assert_eq!(
        outcome
            .output()
            .map(|output| output["body"]["state"].clone()),
        Some(json!("failed"))
    );
}

#[tokio::test]
async fn a_200_that_says_validation_failed_fails_at_once() {
    let refusal = json!({ "status": "validation_failed" }).to_string();
    let evil = Evil::new([answer("200 OK", "", &refusal)]).await;
    let handle = launch(with(evil.url("/jobs"))).await.expect("an answer");
    let outcome = outcome(poll(&handle).await);
    assert_eq!(class(&outcome), Some(ErrorClass::User));
    assert_eq!(
        outcome
            .output()
            .map(|output| output["body"]["status"].clone()),
        Some(json!("validation_failed"))
    );
}

#[tokio::test]
async fn an_answer_without_the_address_fails_with_its_name() {
    let evil = Evil::new([answer("202 Accepted", "", "{}")]).await;
    let handle = launch(with(evil.url("/jobs"))).await.expect("an answer");
    let outcome = outcome(poll(&handle).await);
    let Outcome::Failed { class, message, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(class, ErrorClass::Config);
    assert!(message.contains("answer.body.status_url"), "{message}");
}

#[tokio::test]
async fn failed_questions_are_no_verdicts() {
    for deed in [
        answer("500 Oops", "", ""),
        answer("503 Busy", "", ""),
        Deed::HangUp,
        Deed::Say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"state\":\"done\"".to_owned()),
    ] {
        let (_evil, handle) = followed([deed, state("done")]).await;
        let doubt = poll(&handle).await;
        assert!(
            matches!(doubt, Err(ExecutorError::Unavailable { alarm: false, .. })),
            "{doubt:?}"
        );
        let end = outcome(poll(&handle).await);
        assert!(matches!(end, Outcome::Succeeded { .. }), "{end:?}");
    }
}

#[tokio::test]
async fn a_missing_right_alarms_and_ends_nothing() {
    for status in ["401 Unauthorized", "403 Forbidden", "400 Bad Request"] {
        let (_evil, handle) = followed([answer(status, "", "")]).await;
        let answer = poll(&handle).await;
        assert!(
            matches!(answer, Err(ExecutorError::Unavailable { alarm: true, .. })),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_service_may_ask_for_time() {
    let busy = answer("429 Slow down", "retry-after: 30\r\n", "");
    let later = answer("200 OK", "retry-after: 30\r\n", r#"{"state":"running"}"#);
    let (_evil, handle) = followed([busy, later]).await;
    let wait = Duration::from_secs(30);
    let first = poll(&handle).await;
    assert!(
        matches!(first, Err(ExecutorError::Throttled { retry_after, .. }) if retry_after == Some(wait)),
        "{first:?}"
    );
    let second = poll(&handle).await;
    assert!(
        matches!(second, Ok(Status::Running { poll_after, .. }) if poll_after == Some(wait)),
        "{second:?}"
    );
}

#[tokio::test]
async fn work_is_lost_only_after_a_second_look() {
    let missing = || answer("404 Not Found", "", "");
    let (_evil, handle) = followed([missing(), state("done")]).await;
    let end = outcome(poll(&handle).await);
    assert!(matches!(end, Outcome::Succeeded { .. }), "{end:?}");

    let (evil, handle) = followed([missing(), missing(), state("done")]).await;
    let answer = poll(&handle).await;
    assert!(matches!(answer, Ok(Status::Lost { .. })), "{answer:?}");
    assert_eq!(evil.heard().len(), 3);
}

#[tokio::test]
async fn work_that_was_just_accepted_may_not_be_shown_yet() {
    let (_evil, handle) = followed([answer("404 Not Found", "", "")]).await;
    let context = context(None);
    let handles = [handle];
    let answers = AnyExecutor::poll(&Http::new(), &context, &handles, Duration::ZERO).await;
    assert_eq!(answers, [Ok(Status::Launching)]);
}

#[tokio::test]
async fn a_condition_may_read_the_status() {
    let evil = Evil::new([
        answer("404 Not Found", "", ""),
        answer("404 Not Found", "", ""),
        answer("200 OK", "", "here"),
    ])
    .await;
    let url = evil.url("/file");
    let with = json!({
        "url": url, "expect": [200, 404],
        "poll": { "url": url, "until": "status_code == 200", "interval": "5ms" },
    });
    let handle = launch(with).await.expect("an answer");
    let end = outcome(poll_for(&handle, Duration::from_secs(9)).await);
    assert!(matches!(end, Outcome::Succeeded { .. }), "{end:?}");
}

#[tokio::test]
async fn an_address_of_another_origin_gets_no_credentials() {
    let other = Evil::new([state("done")]).await;
    let evil = Evil::new([accepted(&other.url("/jobs/1"))]).await;
    let settings = json!({ "base_url": evil.url("/"), "private_targets": true });
    let mut context = context(None);
    context.connection = Some(crate::connection(settings));
    let mut with = with("/jobs".to_owned());
    with["connection"] = json!("steps");
    let handle = crate::launch_in(&context, with).await.expect("accepted");
    let end = outcome(poll(&handle).await);
    assert!(matches!(end, Outcome::Succeeded { .. }), "{end:?}");
    let heard = other.heard()[0].to_lowercase();
    assert!(
        !heard.contains(CANARY) && !heard.contains("authorization"),
        "{heard}"
    );
}

#[tokio::test]
async fn an_address_in_a_private_network_is_not_asked() {
    let inside = Evil::new([state("done")]).await;
    let by_name = format!("http://localhost:{}/", inside.address.port());
    for target in [inside.url("/"), by_name] {
        let evil = Evil::new([accepted(&target)]).await;
        let handle = launch(with(evil.url("/jobs"))).await.expect("an answer");
        let answer = poll(&handle).await;
        let succeeded = matches!(&answer, Ok(Status::Finished(end)) if matches!(end.outcome, Outcome::Succeeded { .. }));
        assert!(!succeeded, "{answer:?}");
    }
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn one_that_has_ended_is_enough_for_the_batch() {
    let (_evil, running) = followed([state("running")]).await;
    let (_other, done) = followed([state("done")]).await;
    let context = context(None);
    let handles = [running.clone(), done, running];
    let limit = Duration::from_hours(1);
    let answers = AnyExecutor::poll(&http(), &context, &handles, limit).await;
    assert!(
        matches!(answers[0], Ok(Status::Running { .. })),
        "{answers:?}"
    );
    assert!(matches!(answers[1], Ok(Status::Finished(_))), "{answers:?}");
    assert!(
        matches!(answers[2], Ok(Status::Running { .. })),
        "{answers:?}"
    );
}
