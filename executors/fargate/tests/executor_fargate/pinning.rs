//! What only a launch can know: the revision of a family, and the container that overrides are for.

use serde_json::{Value, json};

use crate::launching::{accepted, running};
use crate::records::{definition, revision};
use crate::scripted::{Reply, Scripted};
use crate::world::{at, attempt, etl, etl_with, launch_by, quick, word, word_of};

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
    // That it is told of its trace is nothing of its own.
    let mut plain = attempt(etl_with(json!({ "container": "" })), 1);
    plain.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
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
