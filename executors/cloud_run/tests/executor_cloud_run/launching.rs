//! A launch: what is sent, and what every answer to it means.

use std::sync::Arc;
use std::time::Duration;

use noctule_cloud_run::{CloudRun, Pacing};
use noctule_executor::{Executor, ExecutorError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::records::{KEY, OTHER_KEY, execution, full, operation, page, succeeded};
use crate::scripted::{Reply, Scripted};
use crate::world::{
    Counted, attempt, connection, context, context_of, launch, launch_by, name_of, quick, request,
    suited_to, word,
};

async fn answering(reply: Reply) -> Scripted {
    Scripted::start(move |_| reply.clone()).await
}

#[tokio::test]
async fn the_stored_bytes_are_sent_once() {
    let cloud = answering(Reply::ok(operation(execution("etl-1", KEY, 11)))).await;
    let context = context(&cloud.url);
    let attempt = attempt(1);
    let request = request(&context, &attempt);
    let handle = quick().launch(&context, &attempt, &request).await.unwrap();
    let asked = cloud.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].path, "/v2/projects/p/locations/r1/jobs/etl:run");
    assert_eq!(
        asked[0].body,
        serde_json::to_vec(&request.0["body"]).unwrap()
    );
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    assert_eq!(asked[0].header("authorization"), None);
    let env = &asked[0].json()["overrides"]["containerOverrides"][0]["env"];
    assert!(
        env.as_array()
            .unwrap()
            .contains(&json!({ "name": "NOCTULE_ATTEMPT_KEY", "value": KEY }))
    );
    assert_eq!(name_of(&handle), full("etl-1"));
    let stored = serde_json::to_value(&handle).unwrap();
    assert_eq!(stored["operation"], "projects/p/locations/r1/operations/op");
    assert_eq!(stored["uid"], "uid-etl-1");
    assert_eq!(stored["endpoint"], cloud.url.as_str());
}

#[tokio::test]
async fn the_same_bytes_are_sent_again() {
    let cloud = lagging(Reply::Reset, Vec::new()).await;
    let context = context(&cloud.url);
    let first = request(&context, &attempt(1));
    let stored: Value = serde_json::from_str(&first.canonical()).unwrap();
    for sends in [1, 2] {
        let again = noctule_executor::Request(stored.clone());
        let sent = quick().launch(&context, &attempt(sends), &again).await;
        assert_eq!(word(&sent.unwrap_err()), "unknown");
    }
    let runs = cloud
        .asked()
        .into_iter()
        .filter(|asked| asked.method == "POST");
    let bodies: Vec<_> = runs.map(|asked| asked.body).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn refusals_are_definite() {
    let retry_info = json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down", "details": [
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s" },
    ] } });
    let header = |value: &str| Reply::Raw(429, "retry-after", value.to_owned(), String::new());
    for (reply, expected) in [
        (Reply::error(400, "INVALID_ARGUMENT"), "rejected config"),
        (Reply::error(400, "FAILED_PRECONDITION"), "rejected config"),
        (Reply::error(401, "UNAUTHENTICATED"), "rejected permission"),
        (
            Reply::error(403, "PERMISSION_DENIED"),
            "rejected permission",
        ),
        (Reply::error(404, "NOT_FOUND"), "rejected not_found"),
        (Reply::html(404), "rejected not_found"),
        (Reply::html(411), "rejected config"),
        (Reply::error(409, "ABORTED"), "throttled"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
        (Reply::Json(429, retry_info), "throttled 3000ms"),
        (header("7"), "throttled 7000ms"),
        (header("Tue, 13 Jan 2026 12:00:00 GMT"), "throttled 0ms"),
    ] {
        let cloud = answering(reply.clone()).await;
        let error = launch(&context(&cloud.url), 1).await.unwrap_err();
        assert_eq!(word(&error), expected, "{reply:?}: {error}");
        assert_eq!(cloud.asked().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let cloud = answering(Reply::error(403, "PERMISSION_DENIED")).await;
    let error = launch(&context(&cloud.url), 1).await.unwrap_err();
    assert!(
        error.to_string().contains("run.jobs.runWithOverrides"),
        "{error}"
    );
}

#[tokio::test]
async fn everything_else_is_unknown_and_sent_once() {
    let elsewhere = "http://127.0.0.1:1/v2/elsewhere".to_owned();
    let mut stranger = operation(execution("etl-1", KEY, 11));
    stranger["metadata"]["name"] = json!("projects/p/locations/r1/jobs/other/executions/other-1");
    for reply in [
        Reply::error(500, "INTERNAL"),
        Reply::error(503, "UNAVAILABLE"),
        Reply::error(504, "DEADLINE_EXCEEDED"),
        Reply::html(502),
        Reply::html(200),
        Reply::html(408),
        Reply::Raw(307, "location", elsewhere, String::new()),
        Reply::Reset,
        Reply::Truncated,
        Reply::Hang,
        Reply::ok(json!([])),
        Reply::ok(json!({})),
        Reply::ok(json!({ "name": "projects/p/locations/r1/operations/op" })),
        Reply::ok(json!({ "name": "op", "done": true, "error": { "code": 13 } })),
        Reply::ok(stranger),
    ] {
        let cloud = answering(reply.clone()).await;
        let sent = launch_by(&suited_to(&reply), &context(&cloud.url), 1).await;
        let error = sent.unwrap_err();
        assert_eq!(word(&error), "unknown", "{reply:?}: {error}");
        assert_eq!(cloud.asked().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_no_launch() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = launch(&context(&url), 1).await.unwrap_err();
    assert_eq!(word(&error), "unavailable", "{error}");
}

/// A list that shows `after` once a run was sent, and a stranger before that.
async fn lagging(run: Reply, after: Vec<Value>) -> Scripted {
    let mut sent = false;
    let stranger = || execution("etl-stranger", OTHER_KEY, 15);
    Scripted::start(move |asked| match asked.line().as_str() {
        "POST etl:run" => {
            sent = true;
            run.clone()
        }
        "GET etl/executions" if sent => Reply::ok(page(&after, "")),
        "GET etl/executions" => Reply::ok(page(&[stranger()], "")),
        line if line.ends_with(":cancel") => Reply::ok(json!({})),
        line => panic!("nobody asks for {line}"),
    })
    .await
}

fn fresh() -> Reply {
    Reply::ok(operation(execution("etl-new", KEY, 14)))
}

#[tokio::test]
async fn a_resend_that_finds_the_work_sends_nothing() {
    let cloud = answering(Reply::ok(page(&[execution("etl-old", KEY, 12)], ""))).await;
    let handle = launch(&context(&cloud.url), 2).await.unwrap();
    assert_eq!(name_of(&handle), full("etl-old"));
    assert_eq!(cloud.lines(), ["GET etl/executions"]);
}

#[tokio::test]
async fn a_resend_that_cannot_look_sends_nothing() {
    let cloud = answering(Reply::error(503, "UNAVAILABLE")).await;
    let error = launch(&context(&cloud.url), 2).await.unwrap_err();
    assert_eq!(word(&error), "unavailable", "{error}");
    assert_eq!(cloud.lines(), ["GET etl/executions"]);
}

#[tokio::test]
async fn after_a_resend_the_oldest_is_kept_and_the_rest_cancelled() {
    let after = vec![
        execution("etl-stranger", OTHER_KEY, 15),
        execution("etl-new", KEY, 14),
        execution("etl-third", KEY, 13),
        execution("etl-old", KEY, 12),
        execution("etl-before", OTHER_KEY, 11),
    ];
    let cloud = lagging(fresh(), after).await;
    let handle = launch(&context(&cloud.url), 2).await.unwrap();
    assert_eq!(name_of(&handle), full("etl-old"));
    assert_eq!(
        cloud.lines(),
        [
            "GET etl/executions",
            "POST etl:run",
            "GET etl/executions",
            "POST etl/executions/etl-third:cancel",
            "POST etl/executions/etl-new:cancel",
        ]
    );
}

#[tokio::test]
async fn a_first_send_needs_no_second_look() {
    let cloud = lagging(fresh(), Vec::new()).await;
    let handle = launch(&context(&cloud.url), 1).await.unwrap();
    assert_eq!(name_of(&handle), full("etl-new"));
    assert_eq!(cloud.lines(), ["POST etl:run"]);
}

#[tokio::test]
async fn a_list_that_lags_does_not_hide_the_fresh_one() {
    let cloud = lagging(fresh(), vec![succeeded(execution("etl-old", KEY, 12))]).await;
    let handle = launch(&context(&cloud.url), 2).await.unwrap();
    assert_eq!(name_of(&handle), full("etl-old"));
    assert_eq!(
        cloud.lines().last().unwrap(),
        "POST etl/executions/etl-new:cancel"
    );
}

#[tokio::test]
async fn a_resend_whose_second_look_fails_is_unknown() {
    let mut lists = 0;
    let cloud = Scripted::start(move |asked| {
        lists += u32::from(asked.method == "GET");
        match (asked.method.as_str(), lists) {
            ("POST", _) => fresh(),
            (_, 1) => Reply::ok(page(&[], "")),
            _ => Reply::error(503, "UNAVAILABLE"),
        }
    })
    .await;
    let error = launch(&context(&cloud.url), 2).await.unwrap_err();
    assert_eq!(word(&error), "unknown", "{error}");
}

#[tokio::test]
async fn a_refused_resend_still_finds_what_an_earlier_send_started() {
    for (list, expected) in [
        (vec![execution("etl-old", KEY, 12)], Ok(full("etl-old"))),
        (
            vec![execution("etl-1", OTHER_KEY, 12)],
            Err("rejected permission"),
        ),
    ] {
        let cloud = lagging(Reply::error(403, "PERMISSION_DENIED"), list).await;
        let sent = launch(&context(&cloud.url), 2).await;
        let sent = sent
            .map(|handle| name_of(&handle))
            .map_err(|error| word(&error));
        assert_eq!(sent, expected.map_err(str::to_owned));
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_launch() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let executor = CloudRun::with_pacing(Pacing {
        connect: Duration::from_millis(50),
        ..Pacing::default()
    });
    let context = context(&url);
    let stored = request(&context, &attempt(1));
    let error = executor
        .launch(&context, &attempt(1), &stored)
        .await
        .unwrap_err();
    assert_eq!(word(&error), "unavailable", "{error}");
}

#[tokio::test]
async fn a_request_for_another_place_is_not_sent() {
    let cloud = answering(Reply::ok(operation(execution("etl-1", KEY, 11)))).await;
    let stored = request(&context("http://127.0.0.1:1"), &attempt(1));
    let error = quick()
        .launch(&context(&cloud.url), &attempt(1), &stored)
        .await
        .unwrap_err();
    assert_eq!(word(&error), "alarm", "{error}");
    let stored = request(&context(&cloud.url), &attempt(1));
    let moved = context_of(connection(&cloud.url, json!({ "project": "q" })), &[]);
    let error = quick()
        .launch(&moved, &attempt(1), &stored)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ExecutorError::Unavailable { alarm: true, .. }),
        "{error}"
    );
    assert_eq!(cloud.asked().len(), 0);
}

#[tokio::test]
async fn a_launch_takes_from_the_launch_budget() {
    let cloud = lagging(fresh(), vec![execution("etl-old", KEY, 12)]).await;
    let budget = Arc::new(Counted::default());
    let mut context = context(&cloud.url);
    context.budget = budget.clone();
    launch(&context, 2).await.unwrap();
    assert_eq!(budget.taken(), (1, 3), "two looks and a cancel");
}
