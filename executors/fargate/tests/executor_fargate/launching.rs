//! A first send: what goes over the wire, and what every answer to it means.

use noctule_executor::{Executor, ExecutorError};
use noctule_executor_testing::CANARY;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::records::{KEY, OTHER_KEY, arn, definition, failure, listed, revision, task, tasks};
use crate::scripted::{Reply, Scripted};
use crate::world::{
    Counted, at, attempt, etl, etl_with, impatient, launch, launch_by, quick, request,
    with_settings, word, word_of,
};

/// A server that answers RunTask so, and finds nothing.
async fn running(reply: Reply) -> Scripted {
    Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" => reply.clone(),
        "ListTasks" => listed(&[]),
        action => panic!("nobody asks for {action}"),
    })
    .await
}

fn accepted() -> Reply {
    tasks(&[task("t1", KEY, "PROVISIONING")])
}

#[tokio::test]
async fn the_stored_body_is_sent_once_with_its_revision_pinned() {
    let ecs = running(accepted()).await;
    let context = at(&ecs.url);
    let attempt = attempt(etl(), 1);
    let request = request(&context, &attempt);
    let handle = quick().launch(&context, &attempt, &request).await.unwrap();
    assert_eq!(ecs.actions(), ["DescribeTaskDefinition", "RunTask"]);
    let sent = &ecs.of("RunTask")[0];
    let mut body = request.0["body"].clone();
    body["taskDefinition"] = json!(revision(3));
    assert_eq!(sent.text(), body.to_string());
    assert_eq!(sent.line, "POST / HTTP/1.1");
    assert_eq!(
        sent.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    let authorization = sent.header("authorization").unwrap();
    assert!(
        authorization.contains("/us-east-1/ecs/aws4_request"),
        "{authorization}"
    );
    for place in ["clientToken", "startedBy"] {
        assert_eq!(sent.json()[place], KEY, "{place}");
    }
    let stored = serde_json::to_value(&handle).unwrap();
    assert_eq!(stored["task_arn"], arn("t1"));
    assert_eq!(stored["task_definition"], revision(3));
    assert_eq!(stored["judged"], json!(["main"]));
    assert_eq!(stored["log"]["stream"], "ecs/main/t1");
}

#[tokio::test]
async fn the_same_bytes_are_sent_again() {
    let ecs = running(Reply::Reset).await;
    let context = at(&ecs.url);
    for sends in [1, 2] {
        let sent = launch_by(&quick(), &context, &attempt(etl(), sends)).await;
        assert_eq!(word(&sent), "unknown");
    }
    let bodies: Vec<_> = ecs
        .of("RunTask")
        .into_iter()
        .map(|asked| asked.body)
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_launch_is_never_repeated_by_itself() {
    for reply in [
        Reply::error(400, "ThrottlingException", "Rate exceeded"),
        Reply::error(500, "ServerException", "busy"),
        Reply::Json(503, json!({})),
        Reply::Reset,
        Reply::Truncated,
        Reply::Hang,
        Reply::Raw(
            307,
            "location",
            "http://127.0.0.1:1/".to_owned(),
            String::new(),
        ),
        Reply::Raw(
            200,
            "content-type",
            "text/html".to_owned(),
            "<html>".to_owned(),
        ),
        Reply::ok(json!([])),
        Reply::ok(json!({})),
        tasks(&[task("t1", OTHER_KEY, "RUNNING")]),
    ] {
        let ecs = running(reply.clone()).await;
        let executor = if matches!(reply, Reply::Hang) {
            impatient()
        } else {
            quick()
        };
        let sent = launch_by(&executor, &at(&ecs.url), &attempt(etl(), 1)).await;
        let expected = match &reply {
            Reply::Json(400, _) => "throttled",
            _ => "unknown",
        };
        assert_eq!(word(&sent), expected, "{reply:?}");
        assert_eq!(ecs.of("RunTask").len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn refusals_are_definite() {
    for (code, message, expected) in [
        ("InvalidParameterException", "bad", "rejected config"),
        ("ClientException", "bad", "rejected config"),
        (
            "ClusterNotFoundException",
            "Cluster not found.",
            "rejected not_found",
        ),
        ("AccessDeniedException", "no", "rejected permission"),
        ("PlatformUnknownException", "bad", "rejected config"),
        (
            "ClientException",
            "Capacity is unavailable at this time",
            "throttled",
        ),
    ] {
        let ecs = running(Reply::error(400, code, message)).await;
        let sent = launch(&at(&ecs.url), 1).await;
        assert_eq!(word(&sent), expected, "{code}");
        assert_eq!(ecs.of("RunTask").len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named_and_asked_for_once() {
    let message = "User: x is not authorized to perform: iam:PassRole on resource: y";
    let ecs = running(Reply::error(400, "AccessDeniedException", message)).await;
    let error = launch(&at(&ecs.url), 1).await.unwrap_err();
    assert!(
        error.to_string().contains("missing right `iam:PassRole`"),
        "{error}"
    );
    assert_eq!(ecs.of("RunTask").len(), 1);
}

#[tokio::test]
async fn failures_without_a_task_are_a_failed_launch() {
    for (reason, expected) in [
        ("RESOURCE:ENI", "rejected infrastructure"),
        ("RESOURCE:MEMORY", "rejected infrastructure"),
        ("AGENT", "rejected infrastructure"),
        (
            "Capacity is unavailable at this time. Please try again later or in a different availability zone",
            "rejected infrastructure",
        ),
        ("ATTRIBUTE", "rejected config"),
        ("LOCATION", "rejected config"),
        ("INACTIVE", "rejected config"),
        ("MISSING", "rejected not_found"),
    ] {
        let ecs = running(failure(
            "arn:aws:ecs:us-east-1:1:container-instance/x",
            reason,
        ))
        .await;
        let sent = launch(&at(&ecs.url), 1).await;
        assert_eq!(word(&sent), expected, "{reason}");
        assert!(sent.unwrap_err().to_string().contains(reason), "{reason}");
        assert_eq!(
            ecs.actions(),
            [
                "DescribeTaskDefinition",
                "RunTask",
                "ListTasks",
                "ListTasks"
            ],
            "one look for a ghost: {reason}"
        );
    }
}

#[tokio::test]
async fn a_ghost_behind_failures_is_taken() {
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" => failure("", "RESOURCE:ENI"),
        "ListTasks" if asked.json()["desiredStatus"] == "STOPPED" => listed(&["ghost"]),
        "ListTasks" => listed(&[]),
        _ => tasks(&[task("ghost", KEY, "STOPPED")]),
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "ghost");
}

#[tokio::test]
async fn failures_that_cannot_be_looked_up_are_unknown() {
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        "RunTask" => failure("", "RESOURCE:ENI"),
        _ => Reply::error(400, "ThrottlingException", "Rate exceeded"),
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "unknown");
}

#[tokio::test]
async fn a_refused_connection_is_no_launch() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(word(&launch(&at(&url), 1).await), "unavailable");
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_no_launch() {
    let ecs = running(accepted()).await;
    let settings = json!({ "endpoint": ecs.url, "region": "us-east-1", "profile": "noctule-has-no-such-profile" });
    let error = launch(&with_settings(settings), 1).await.unwrap_err();
    assert_eq!(word_of(&error), "alarm", "{error}");
    assert_eq!(ecs.asked().len(), 0);
}

#[tokio::test]
async fn refused_credentials_are_renewed_once() {
    let mut sent = 0;
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => definition(3),
        _ => {
            sent += 1;
            match sent {
                1 => Reply::error(400, "ExpiredTokenException", "expired"),
                _ => accepted(),
            }
        }
    })
    .await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "t1");
    let bodies: Vec<_> = ecs
        .of("RunTask")
        .into_iter()
        .map(|asked| asked.body)
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    let ecs = running(Reply::error(400, "UnrecognizedClientException", "no")).await;
    assert_eq!(word(&launch(&at(&ecs.url), 1).await), "rejected permission");
    assert_eq!(ecs.of("RunTask").len(), 2);
}

#[tokio::test]
async fn a_container_that_is_not_in_the_definition_is_not_launched() {
    let ecs = running(accepted()).await;
    let attempt = attempt(etl_with(json!({ "container": "man" })), 1);
    let error = launch_by(&quick(), &at(&ecs.url), &attempt)
        .await
        .unwrap_err();
    assert_eq!(word_of(&error), "rejected config");
    assert!(error.to_string().contains("it has main, proxy"), "{error}");
    assert_eq!(ecs.of("RunTask").len(), 0);
}

#[tokio::test]
async fn an_unnamed_container_is_the_essential_one() {
    let ecs = running(accepted()).await;
    let attempt = attempt(etl_with(json!({ "container": "", "command": ["run"] })), 1);
    let handle = launch_by(&quick(), &at(&ecs.url), &attempt).await.unwrap();
    let containers = &ecs.of("RunTask")[0].json()["overrides"]["containerOverrides"];
    assert_eq!(containers.as_array().map(Vec::len), Some(1));
    assert_eq!(containers[0]["name"], "main");
    assert_eq!(
        serde_json::to_value(handle).unwrap()["judged"],
        json!(["main"])
    );
}

/// A definition with two essential containers.
fn twin() -> Reply {
    let Reply::Json(status, mut answer) = definition(3) else {
        panic!("a definition is JSON")
    };
    answer["taskDefinition"]["containerDefinitions"][1]["essential"] = json!(true);
    Reply::Json(status, answer)
}

#[tokio::test]
async fn a_command_for_two_essential_containers_needs_a_name() {
    let ecs = Scripted::start(move |asked| match asked.action().as_str() {
        "DescribeTaskDefinition" => twin(),
        _ => accepted(),
    })
    .await;
    let context = at(&ecs.url);
    for more in [
        json!({ "container": "", "command": ["run"] }),
        json!({ "container": "", "env": { "A": "b" } }),
    ] {
        let sent = launch_by(&quick(), &context, &attempt(etl_with(more), 1)).await;
        assert_eq!(word(&sent), "rejected config");
    }
    let plain = attempt(etl_with(json!({ "container": "" })), 1);
    launch_by(&quick(), &context, &plain).await.unwrap();
    let sent = ecs.of("RunTask");
    assert_eq!(sent.len(), 1);
    let containers = sent[0].json()["overrides"]["containerOverrides"].clone();
    let names: Vec<_> = containers
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["main", "proxy"]);
}

#[tokio::test]
async fn secrets_are_put_in_at_the_send_and_stand_nowhere_else() {
    let ecs = running(accepted()).await;
    let context = at(&ecs.url);
    let attempt = attempt(
        etl_with(json!({ "env": { "TOKEN": { "secret": "token" } } })),
        1,
    );
    let stored = request(&context, &attempt);
    assert!(!stored.canonical().contains(CANARY));
    let handle = quick().launch(&context, &attempt, &stored).await.unwrap();
    assert!(ecs.of("RunTask")[0].text().contains(CANARY));
    assert!(!serde_json::to_string(&handle).unwrap().contains(CANARY));
}

#[tokio::test]
async fn a_request_for_another_place_is_not_sent() {
    let ecs = running(accepted()).await;
    let here = at(&ecs.url);
    let attempt = attempt(etl(), 1);
    let stored = request(&here, &attempt);
    for settings in [
        json!({ "endpoint": "http://127.0.0.1:1", "region": "us-east-1" }),
        json!({ "endpoint": ecs.url, "region": "eu-west-1" }),
    ] {
        let moved = with_settings(settings);
        let error = quick().launch(&moved, &attempt, &stored).await.unwrap_err();
        assert!(
            matches!(error, ExecutorError::Unavailable { alarm: true, .. }),
            "{error}"
        );
        let error = quick().adopt(&moved, &attempt, &stored).await.unwrap_err();
        assert!(
            matches!(error, ExecutorError::Unavailable { alarm: true, .. }),
            "{error}"
        );
    }
    assert_eq!(ecs.asked().len(), 0);
}

#[tokio::test]
async fn a_launch_takes_from_the_launch_budget() {
    let ecs = running(accepted()).await;
    let mut context = at(&ecs.url);
    let budget = Counted::of(&mut context);
    launch(&context, 1).await.unwrap();
    assert_eq!(budget.taken(), (1, 1), "the definition and the launch");
}

#[tokio::test]
async fn a_revision_is_read_once_and_a_family_each_time() {
    let ecs = running(accepted()).await;
    let context = at(&ecs.url);
    let executor = quick();
    let reads = || ecs.of("DescribeTaskDefinition").len();
    for _ in 0..3 {
        launch_by(&executor, &context, &attempt(etl(), 1))
            .await
            .unwrap();
    }
    assert_eq!(reads(), 1);
    let family = || attempt(etl_with(json!({ "task_definition": "etl" })), 1);
    for _ in 0..2 {
        launch_by(&executor, &context, &family()).await.unwrap();
    }
    assert_eq!(reads(), 3);
    let pinned: Vec<Value> = ecs
        .of("RunTask")
        .iter()
        .map(|asked| asked.json()["taskDefinition"].clone())
        .collect();
    assert!(
        pinned.iter().all(|definition| *definition == revision(3)),
        "{pinned:?}"
    );
}
