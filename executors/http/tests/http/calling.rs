//! Plain calls: what is sent, and what an answer means.

use std::time::Duration;

use serde_json::json;

use noctule_executor::{ErrorClass, ExecutorError, Outcome};
use noctule_executor_testing::context;

use crate::evil::{Evil, answer};
use crate::service::Service;
use crate::{class, connection, launch, launch_in, verdict};

#[tokio::test]
async fn an_answer_is_the_output() {
    let service = Service::start().await;
    let with = json!({ "url": service.url("/echo"), "json": { "b": 1, "a": [2] } });
    let outcome = verdict(with).await;
    let Outcome::Succeeded { output } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(output["status_code"], 200);
    assert_eq!(output["headers"]["content-type"], "application/json");
    assert_eq!(output["body"]["body"], r#"{"a":[2],"b":1}"#);
    assert_eq!(
        output["body"]["headers"]["content-type"],
        "application/json"
    );
    let key = output["body"]["headers"]["idempotency-key"].as_str();
    assert!(key.is_some_and(|key| key.starts_with("n1-")), "{key:?}");
}

#[tokio::test]
async fn html_is_text() {
    let page = "<html>it works</html>";
    let evil = Evil::new([answer("200 OK", "content-type: text/html\r\n", page)]).await;
    let outcome = verdict(json!({ "url": evil.url("/") })).await;
    assert_eq!(
        outcome.output().map(|output| output["body"].clone()),
        Some(json!(page))
    );
}

#[tokio::test]
async fn a_200_that_says_validation_failed_is_left_to_the_success_of_the_task() {
    let body = r#"{"status":"validation_failed"}"#;
    let evil = Evil::new([answer("200 OK", "", body)]).await;
    let outcome = verdict(json!({ "url": evil.url("/"), "json": {} })).await;
    let output = outcome.output().expect("an output");
    assert_eq!(output["body"]["status"], "validation_failed");
}

#[tokio::test]
async fn a_bad_status_is_a_verdict_with_its_answer() {
    let service = Service::start().await;
    for (status, wanted) in [
        (201, ErrorClass::Config),
        (400, ErrorClass::Config),
        (401, ErrorClass::Permission),
        (404, ErrorClass::NotFound),
        (418, ErrorClass::User),
        (503, ErrorClass::Infrastructure),
    ] {
        let outcome = verdict(json!({ "url": service.url(&format!("/status/{status}")) })).await;
        assert_eq!(class(&outcome), Some(wanted), "{status}");
        let output = outcome.output().expect("an output");
        assert_eq!(output["status_code"], status);
        assert_eq!(output["body"]["error"], "file not found");
    }
}

#[tokio::test]
async fn expected_statuses_are_success() {
    let service = Service::start().await;
    let with = json!({ "url": service.url("/status/404"), "expect": [200, 404] });
    assert!(matches!(verdict(with).await, Outcome::Succeeded { .. }));
}

#[tokio::test]
async fn a_429_waits_as_told() {
    let service = Service::start().await;
    let answer = launch(json!({ "url": service.url("/status/429") })).await;
    let Err(ExecutorError::Throttled { retry_after, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_path_belongs_to_its_connection() {
    let service = Service::start().await;
    let settings = json!({ "base_url": service.url("/"), "auth": { "bearer": { "secret": "x" } } });
    let mut context = context(None);
    context.connection = Some(connection(settings));
    let handle = launch_in(&context, json!({ "url": "/echo", "connection": "steps" })).await;
    assert!(handle.is_ok(), "{handle:?}");
}

#[tokio::test]
async fn a_token_of_the_environment_is_sent() {
    let evil = Evil::new([answer("200 OK", "", "")]).await;
    let with = json!({ "url": evil.url("/"), "auth": "bearer env:MY_TOKEN" });
    let mut context = context(None);
    let missing = launch_in(&context, with.clone()).await;
    assert!(
        matches!(missing, Err(ExecutorError::Rejected { .. })),
        "{missing:?}"
    );
    let mut host = (*context.host).clone();
    host.env.insert("MY_TOKEN".to_owned(), "abc".to_owned());
    context.host = std::sync::Arc::new(host);
    launch_in(&context, with).await.expect("an answer");
    assert!(evil.heard()[0].contains("authorization: Bearer abc\r\n"));
}
