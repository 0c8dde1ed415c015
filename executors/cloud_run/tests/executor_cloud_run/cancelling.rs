//! A cancel: asks, may be repeated, and leaves the verdict to the next poll.

use std::time::Duration;

use noctule_executor::{Executor, ExecutorError};
use serde_json::json;

use crate::records::{KEY, execution, running, succeeded};
use crate::scripted::{Reply, Scripted};
use crate::world::{context, handle, suited_to, word};

async fn cancel(
    reply: Reply,
    record: serde_json::Value,
) -> (Vec<String>, Result<(), ExecutorError>) {
    let executor = suited_to(&reply);
    let cloud = Scripted::start(move |asked| match asked.method.as_str() {
        "POST" => reply.clone(),
        _ => Reply::ok(record.clone()),
    })
    .await;
    let handle = handle(&cloud.url, "etl", "etl-1");
    let context = context(&cloud.url);
    let asked = executor
        .cancel(&context, &handle, Duration::from_secs(1))
        .await;
    (cloud.lines(), asked)
}

#[tokio::test]
async fn it_asks_by_name() {
    let (lines, asked) = cancel(Reply::ok(json!({ "name": "op" })), json!({})).await;
    assert_eq!(asked, Ok(()));
    assert_eq!(lines, ["POST etl/executions/etl-1:cancel"]);
}

#[tokio::test]
async fn what_has_ended_or_is_gone_needs_no_cancel() {
    let ended = succeeded(execution("etl-1", KEY, 11));
    for reply in [
        Reply::error(400, "FAILED_PRECONDITION"),
        Reply::error(400, "INVALID_ARGUMENT"),
        Reply::error(409, "ABORTED"),
        Reply::error(404, "NOT_FOUND"),
    ] {
        let (_, asked) = cancel(reply.clone(), ended.clone()).await;
        assert_eq!(asked, Ok(()), "{reply:?}");
    }
}

#[tokio::test]
async fn a_cancel_that_was_not_heard_says_so() {
    let live = running(execution("etl-1", KEY, 11));
    for (reply, expected) in [
        (Reply::error(400, "FAILED_PRECONDITION"), "alarm"),
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
        (Reply::error(403, "PERMISSION_DENIED"), "alarm"),
        (Reply::html(404), "alarm"),
        (Reply::Reset, "unavailable"),
        (Reply::Hang, "unavailable"),
    ] {
        let (_, asked) = cancel(reply.clone(), live.clone()).await;
        assert_eq!(word(&asked.unwrap_err()), expected, "{reply:?}");
    }
}
