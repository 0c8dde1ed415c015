//! Logs: page after page, each line once, until the token repeats.

use noctule_executor::{Executor, LogCursor};
use serde_json::{Value, json};

use crate::scripted::{Reply, Scripted};
use crate::world::{at, handle, quick, word_of};

fn place() -> Value {
    json!({ "log": { "group": "/ecs/etl", "stream": "ecs/main/t1", "region": "eu-west-1" } })
}

/// A stream of three pages; the last token repeats.
async fn stream() -> Scripted {
    Scripted::start(|asked| {
        let asked = asked.json();
        assert_eq!(asked["logGroupName"], "/ecs/etl");
        assert_eq!(asked["logStreamName"], "ecs/main/t1");
        assert_eq!(asked["startFromHead"], true);
        let (lines, next): (&[&str], _) = match asked["nextToken"].as_str() {
            None => (&["one"], "f/1"),
            Some("f/1") => (&[], "f/2"),
            Some("f/2") => (&["two\n", "three"], "f/3"),
            Some(last) => (&[], last),
        };
        let events: Vec<_> = lines
            .iter()
            .map(|line| json!({ "message": line }))
            .collect();
        Reply::ok(json!({ "events": events, "nextForwardToken": next, "nextBackwardToken": "b/1" }))
    })
    .await
}

#[tokio::test]
async fn every_line_comes_once_and_in_order() {
    let logs = stream().await;
    let context = at(&logs.url);
    let handle = handle(&logs.url, "t1", 10, place());
    let page = quick().logs(&context, &handle, None).await.unwrap();
    assert_eq!(page.bytes, b"one\ntwo\nthree\n");
    assert!(page.drained);
    let authorization = logs.asked()[0].header("authorization").unwrap().to_owned();
    assert!(
        authorization.contains("/eu-west-1/logs/aws4_request"),
        "{authorization}"
    );
    let again = quick()
        .logs(&context, &handle, page.next.as_ref())
        .await
        .unwrap();
    assert!(again.bytes.is_empty() && again.drained);
    assert_eq!(again.next, page.next);
    let middle = LogCursor("f/1".to_owned());
    let rest = quick()
        .logs(&context, &handle, Some(&middle))
        .await
        .unwrap();
    assert_eq!(rest.bytes, b"two\nthree\n");
}

#[tokio::test]
async fn a_page_is_bounded() {
    let logs = Scripted::start(|asked| {
        let page: usize = asked.json()["nextToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        let line = "x".repeat(600 * 1024);
        Reply::ok(
            json!({ "events": [{ "message": line }], "nextForwardToken": (page + 1).to_string() }),
        )
    })
    .await;
    let handle = handle(&logs.url, "t1", 10, place());
    let page = quick().logs(&at(&logs.url), &handle, None).await.unwrap();
    assert_eq!(page.bytes.len(), 2 * (600 * 1024 + 1));
    assert!(!page.drained);
    assert_eq!(page.next, Some(LogCursor("2".to_owned())));
}

#[tokio::test]
async fn a_stream_that_is_not_there_yet_is_empty() {
    let logs =
        Scripted::start(|_| Reply::error(400, "ResourceNotFoundException", "no stream")).await;
    let handle = handle(&logs.url, "t1", 10, place());
    let page = quick().logs(&at(&logs.url), &handle, None).await.unwrap();
    assert!(page.bytes.is_empty() && page.drained);
}

#[tokio::test]
async fn work_without_a_known_log_has_none() {
    let handle = handle("http://127.0.0.1:1", "t1", 10, json!({}));
    let page = quick()
        .logs(&at("http://127.0.0.1:1"), &handle, None)
        .await
        .unwrap();
    assert!(page.bytes.is_empty() && page.drained);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_an_error() {
    for (reply, expected) in [
        (Reply::error(400, "AccessDeniedException", "no"), "alarm"),
        (Reply::error(400, "ThrottlingException", "no"), "throttled"),
        (
            Reply::error(503, "ServiceUnavailableException", "no"),
            "unavailable",
        ),
        (Reply::Reset, "unavailable"),
    ] {
        let logs = Scripted::start(move |_| reply.clone()).await;
        let handle = handle(&logs.url, "t1", 10, place());
        let error = quick()
            .logs(&at(&logs.url), &handle, None)
            .await
            .unwrap_err();
        assert_eq!(word_of(&error), expected, "{error}");
    }
}
