//! A canary in every place where a secret may stand, and nothing that shows it.

use serde_json::{Value, json};

use noctule_executor::AnyExecutor;
use noctule_executor_testing::{CANARY, attempt, context};

use crate::evil::{Deed, Evil, answer};
use crate::service::Service;
use crate::{http, launch, poll, request};

fn hold_secrets(mut with: Value) -> Value {
    with["headers"] = json!({ "X-Key": { "secret": "key" } });
    with["auth"] = json!({ "bearer": { "secret": "token" } });
    with["json"] = json!({ "password": { "secret": "password" }, "list": [{ "secret": "key" }] });
    with
}

#[tokio::test]
async fn a_secret_goes_out_and_is_blotted_out_where_it_comes_back() {
    let evil = Evil::new([answer(
        "200 OK",
        &format!("x-back: {CANARY}\r\n"),
        &format!("you said {CANARY}"),
    )])
    .await;
    let tried = attempt("a", hold_secrets(json!({ "url": evil.url("/") })));
    let document = request(&tried, None);
    assert!(!document.canonical().contains(CANARY));
    let handle = AnyExecutor::launch(&http(), &context(None), &tried, &document)
        .await
        .expect("an answer");
    assert_eq!(evil.heard()[0].matches(CANARY).count(), 4);
    assert!(!handle.to_string().contains(CANARY), "{handle}");
    assert!(!format!("{:?}", poll(&handle).await).contains(CANARY));
}

#[tokio::test]
async fn an_echo_of_everything_shows_no_secret() {
    let service = Service::start().await;
    let handle = launch(hold_secrets(json!({ "url": service.url("/echo") })))
        .await
        .expect("an answer");
    assert!(!handle.to_string().contains(CANARY), "{handle}");
}

#[tokio::test]
async fn errors_show_no_secret() {
    let evil = Evil::new([Deed::HangUp]).await;
    let lost = launch(hold_secrets(json!({ "url": evil.url("/?key=hidden") })))
        .await
        .expect_err("lost");
    let shown = format!("{lost} {lost:?}");
    assert!(
        !shown.contains(CANARY) && !shown.contains("hidden"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_secret_address_is_shown_nowhere() {
    // The canary is no address, so this fails, and must not say on what.
    let tried = attempt("a", json!({ "url": { "secret": "hook" } }));
    let document = request(&tried, None);
    assert_eq!(document.0["url"], json!({ "secret": "hook" }));
    let error = AnyExecutor::launch(&http(), &context(None), &tried, &document)
        .await
        .expect_err("no address");
    assert!(!format!("{error} {error:?}").contains(CANARY));
}

#[test]
fn what_is_remembered_and_printed_holds_references() {
    let executor = http();
    assert!(!format!("{executor:?}").contains(CANARY));
    let with = hold_secrets(json!({ "url": "https://x/" }));
    let schema = AnyExecutor::config_schema(&executor).to_string();
    assert!(!schema.contains(CANARY));
    assert!(AnyExecutor::read_config(&executor, &with).is_ok());
}
