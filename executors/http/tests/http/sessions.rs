//! Calls that are for one session: what is sent, and what an answer from elsewhere means.

use std::time::Duration;

use serde_json::{Value, json};

use noctule_executor::{AnyExecutor, Draft, ErrorClass, ExecutorError, Outcome};
use noctule_executor_testing::attempt;

use crate::evil::{Deed, Evil, answer};
use crate::{class, http, launch, outcome, poll_for, refusal, request, verdict};

const OWN: &str = "n1-0123abcd-1";
const OTHER: &str = "n1-0123abcd-2";

fn says(status: &str, session: &str) -> Deed {
    answer(status, &format!("Noctule-Session: {session}\r\n"), "{}")
}

async fn answered(deed: Deed) -> (Outcome, Evil) {
    let evil = Evil::new([deed]).await;
    let outcome = verdict(json!({ "url": evil.url("/execute"), "json": {}, "session": OWN })).await;
    (outcome, evil)
}

fn message(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { message, .. } => message,
        _ => "",
    }
}

#[test]
fn the_stored_request_shows_the_session() {
    let tried = attempt("a", json!({ "url": "https://x/", "session": OWN }));
    assert_eq!(request(&tried, None).0["headers"]["noctule-session"], OWN);
    let tried = attempt("a", json!({ "url": "https://x/" }));
    assert_eq!(
        request(&tried, None).0["headers"].get("noctule-session"),
        None
    );
}

#[test]
fn the_stored_request_shows_the_trace_unless_the_task_names_one_of_its_own() {
    let trace = "00-0198a6f012347abc8def0123456789ab-0123456789abcdef-01";
    let told = |with: Value| {
        let mut tried = attempt("a", with);
        tried.traceparent = Some(trace.to_owned());
        assert_eq!(request(&tried, None), request(&tried, None));
        request(&tried, None).0["headers"]["traceparent"].clone()
    };
    assert_eq!(told(json!({ "url": "https://x/" })), trace);
    let own = json!({ "url": "https://x/", "headers": { "TraceParent": "00-own" } });
    assert_eq!(told(own), "00-own");
    let untraced = attempt("a", json!({ "url": "https://x/" }));
    let headers = &request(&untraced, None).0["headers"];
    assert_eq!(headers.get("traceparent"), None);
}

#[test]
fn a_session_is_one_line_of_text_and_set_in_one_place() {
    for session in ["", " ", " a", "a\r\nX-Evil: 1"] {
        let with = json!({ "url": "https://x/", "session": session });
        assert!(!refusal(with, None).is_empty(), "{session:?}");
    }
    let twice = json!({ "url": "https://x/", "headers": { "Noctule-Session": OTHER } });
    assert!(refusal(twice, None).contains("set by the executor"));
    let open = json!({ "url": "https://x/", "session": "{{ tasks.container.output.key }}" });
    assert!(AnyExecutor::check(&http(), &Draft::new(&open)).is_empty());
}

#[tokio::test]
async fn an_answer_of_the_same_session_is_the_output() {
    let (outcome, evil) = answered(says("200 OK", OWN)).await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    let sent = format!("noctule-session: {OWN}\r\n");
    assert!(evil.heard()[0].contains(&sent), "{}", evil.heard()[0]);
}

#[tokio::test]
async fn an_answer_of_another_session_is_a_failure_whatever_its_status() {
    for status in ["200 OK", "403 Forbidden", "429 Slow", "500 Oh"] {
        let (outcome, _evil) = answered(says(status, OTHER)).await;
        assert_eq!(class(&outcome), Some(ErrorClass::Config), "{status}");
        let said = format!("is for session `{OWN}` and was answered");
        assert!(message(&outcome).contains(&said), "{outcome:?}");
        assert!(message(&outcome).contains(OTHER), "{outcome:?}");
        assert!(
            outcome.output().is_some(),
            "the answer is kept: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_good_answer_that_names_no_session_is_a_failure() {
    let (outcome, _evil) = answered(answer("200 OK", "", "{}")).await;
    assert_eq!(class(&outcome), Some(ErrorClass::Config));
    assert!(
        message(&outcome).contains("without a `Noctule-Session`"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_bad_answer_of_what_stands_between_keeps_its_meaning() {
    for (status, wanted) in [
        ("503 No targets", ErrorClass::Infrastructure),
        ("403 Forbidden", ErrorClass::Permission),
    ] {
        let (outcome, _evil) = answered(answer(status, "", "")).await;
        assert_eq!(class(&outcome), Some(wanted), "{status}");
    }
    let evil = Evil::new([answer("429 Slow", "", "")]).await;
    let answer = launch(json!({ "url": evil.url("/"), "session": OWN })).await;
    assert!(
        matches!(answer, Err(ExecutorError::Throttled { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_questions_about_accepted_work_are_for_the_session_too() {
    let work = |last: Deed| async move {
        let evil = Evil::new([
            says("202 Accepted", OWN),
            answer("503 No targets", "", ""),
            last,
        ])
        .await;
        let with: Value = json!({
            "url": evil.url("/execute"), "json": {}, "session": OWN,
            "poll": { "url": "/state", "until": "status_code == 200", "interval": "5ms" },
        });
        let handle = launch(with).await.expect("accepted");
        let unavailable = poll_for(&handle, Duration::from_secs(9)).await;
        assert!(unavailable.is_err(), "{unavailable:?}");
        let outcome = outcome(poll_for(&handle, Duration::from_secs(9)).await);
        let sent = format!("noctule-session: {OWN}\r\n");
        assert!(evil.heard().iter().all(|heard| heard.contains(&sent)));
        outcome
    };
    let own = work(says("200 OK", OWN)).await;
    assert!(matches!(own, Outcome::Succeeded { .. }), "{own:?}");
    let other = work(says("200 OK", OTHER)).await;
    assert_eq!(class(&other), Some(ErrorClass::Config), "{other:?}");
    let unnamed = work(answer("200 OK", "", "{}")).await;
    assert_eq!(class(&unnamed), Some(ErrorClass::Config), "{unnamed:?}");
}
