//! Redirects: few, never for what was sent once already, and never with what belongs to another origin.

use serde_json::{Value, json};

use noctule_executor::{Context, ErrorClass, Outcome};
use noctule_executor_testing::{CANARY, context};

use crate::evil::{Deed, Evil, answer};
use crate::{class, connection, launch_in, outcome, poll, verdict};

fn to(status: &str, url: &str) -> Deed {
    answer(status, &format!("location: {url}\r\n"), "")
}

/// A project whose services may lead into private networks, as these tests must.
fn trusting(base: &str) -> Context {
    let settings = json!({ "base_url": base, "private_targets": true });
    let mut context = context(None);
    context.connection = Some(connection(settings));
    context
}

async fn ends(context: &Context, with: Value) -> Outcome {
    let handle = launch_in(context, with).await.expect("an answer");
    outcome(poll(&handle).await)
}

#[tokio::test]
async fn credentials_stay_at_their_origin() {
    let other = Evil::new([answer("200 OK", "", "caught")]).await;
    let evil = Evil::new([to("302 Found", &other.url("/steal"))]).await;
    let with = json!({
        "url": evil.url("/"), "connection": "steps",
        "headers": { "X-Api-Key": { "secret": "key" }, "Cookie": "id=1", "X-Plain": "also mine" },
        "auth": { "bearer": { "secret": "token" } },
    });
    let outcome = ends(&trusting(&evil.url("/")), with).await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    assert!(
        evil.heard()[0].contains(CANARY),
        "the service itself gets them"
    );
    let stolen = other.heard()[0].to_lowercase();
    assert!(!stolen.contains(CANARY), "{stolen}");
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "x-plain",
        "idempotency-key",
        "referer",
    ] {
        assert!(!stolen.contains(name), "{name} in {stolen}");
    }
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_its_headers() {
    let evil = Evil::new([to("307 Temporary Redirect", "/b"), answer("200 OK", "", "")]).await;
    let with = json!({ "url": evil.url("/a"), "headers": { "X-Key": { "secret": "key" } } });
    assert!(matches!(verdict(with).await, Outcome::Succeeded { .. }));
    let heard = evil.heard();
    assert!(heard[1].starts_with("GET /b "), "{}", heard[1]);
    assert!(heard[1].contains(CANARY));
}

#[tokio::test]
async fn what_is_not_safe_is_not_sent_again() {
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let evil = Evil::new([to(status, "/b")]).await;
        let outcome = verdict(json!({ "url": evil.url("/a"), "json": { "n": 1 } })).await;
        assert_eq!(class(&outcome), Some(ErrorClass::Config), "{outcome:?}");
        assert_eq!(evil.heard().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn see_other_is_fetched_without_the_body() {
    let evil = Evil::new([to("303 See Other", "/result"), answer("200 OK", "", "done")]).await;
    let outcome = verdict(json!({ "url": evil.url("/a"), "json": { "n": 1 } })).await;
    assert!(matches!(outcome, Outcome::Succeeded { .. }), "{outcome:?}");
    let heard = evil.heard();
    assert!(heard[1].starts_with("GET /result "), "{}", heard[1]);
    assert!(heard[1].ends_with("\r\n\r\n"), "no body: {}", heard[1]);
}

#[tokio::test]
async fn a_circle_ends() {
    let evil = Evil::new([to("302 Found", "/again")]).await;
    let outcome = verdict(json!({ "url": evil.url("/") })).await;
    assert_eq!(class(&outcome), Some(ErrorClass::Config), "{outcome:?}");
    assert_eq!(evil.heard().len(), 6);
}

#[tokio::test]
async fn a_service_cannot_lead_into_private_networks() {
    let inside = Evil::new([answer("200 OK", "", "metadata")]).await;
    for target in [
        inside.url("/"),
        format!("http://localhost:{}/", inside.address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", inside.address.port()),
        format!("http://2130706433:{}/", inside.address.port()),
        "http://169.254.169.254/computeMetadata/v1/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        let evil = Evil::new([to("302 Found", &target)]).await;
        let outcome = verdict(json!({ "url": evil.url("/") })).await;
        assert!(class(&outcome).is_some(), "{target}: {outcome:?}");
    }
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_an_answer() {
    let evil = Evil::new([to("302 Found", "/b")]).await;
    let with = json!({ "url": evil.url("/"), "expect": [302] });
    let outcome = verdict(with).await;
    assert_eq!(
        outcome
            .output()
            .map(|output| output["headers"]["location"].clone()),
        Some(json!("/b"))
    );
    assert_eq!(evil.heard().len(), 1);
}
