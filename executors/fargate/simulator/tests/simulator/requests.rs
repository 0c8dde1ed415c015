//! What is refused, and how: a refused request starts and changes nothing.

use noctule_ecs_simulator::{Action, Definition, Settings, Simulator};
use serde_json::{Value, json};

use crate::client::{
    call, held, held_settings, post, refused, request, run, run_request, run_with, send,
};

const INVALID: &str = "InvalidParameterException";
const MALFORMED: &str = "SerializationException";

fn network(network: Value) -> Value {
    json!({"networkConfiguration": {"awsvpcConfiguration": network}})
}

fn overrides(container: Value) -> Value {
    json!({"overrides": {"containerOverrides": [container]}})
}

fn many(count: usize, one: impl Fn(usize) -> Value) -> Value {
    (0..count).map(one).collect()
}

#[tokio::test]
async fn a_run_that_ecs_would_refuse_is_refused_and_starts_nothing() {
    let sim = held().await;
    let long = "x".repeat(8192);
    for (more, code) in [
        (json!({"lunchType": "FARGATE"}), MALFORMED),
        (json!({"count": "1"}), MALFORMED),
        (json!({"count": 1.5}), MALFORMED),
        (json!({"tags": [{"key": "a", "valeu": "b"}]}), MALFORMED),
        (overrides(json!({"name": "main", "env": []})), MALFORMED),
        (json!({"count": 0}), INVALID),
        (json!({"count": 11}), INVALID),
        (json!({"taskDefinition": ""}), INVALID),
        (json!({"clientToken": ""}), INVALID),
        (json!({"clientToken": "x".repeat(65)}), INVALID),
        (json!({"clientToken": "a b"}), INVALID),
        (json!({"clientToken": "é"}), INVALID),
        (json!({"startedBy": "x".repeat(129)}), INVALID),
        (json!({"startedBy": "run:1"}), INVALID),
        (
            json!({"tags": many(51, |n| json!({"key": format!("k{n}")}))}),
            INVALID,
        ),
        (json!({"tags": [{"key": "aws:a", "value": ""}]}), INVALID),
        (json!({"tags": [{"key": "", "value": ""}]}), INVALID),
        (json!({"tags": [{"key": "k".repeat(129)}]}), INVALID),
        (
            json!({"tags": [{"key": "k", "value": "v".repeat(257)}]}),
            INVALID,
        ),
        (json!({"tags": [{"key": "k", "value": "a,b"}]}), INVALID),
        (json!({"tags": [{"key": "k"}, {"key": "k"}]}), INVALID),
        (json!({"launchType": "EC2"}), INVALID),
        (json!({"launchType": null}), INVALID),
        (
            json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
            INVALID,
        ),
        (
            json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "MINE", "weight": 1}]}),
            INVALID,
        ),
        (
            json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
            INVALID,
        ),
        (json!({"networkConfiguration": null}), INVALID),
        (network(json!({"subnets": []})), INVALID),
        (
            network(json!({"subnets": many(17, |n| json!(format!("subnet-{n}")))})),
            INVALID,
        ),
        (network(json!({"subnets": ["a"]})), INVALID),
        (
            network(
                json!({"subnets": ["subnet-1"], "securityGroups": many(6, |n| json!(format!("sg-{n}")))}),
            ),
            INVALID,
        ),
        (
            network(json!({"subnets": ["subnet-1"], "assignPublicIp": "YES"})),
            INVALID,
        ),
        (json!({"propagateTags": "ALL"}), INVALID),
        (
            json!({"platformVersion": "2.0"}),
            "PlatformUnknownException",
        ),
        (overrides(json!({"name": "other"})), INVALID),
        (overrides(json!({"command": []})), INVALID),
        (
            overrides(json!({"name": "main", "environment": [{"value": "v"}]})),
            "ClientException",
        ),
        (
            overrides(json!({"name": "main", "environment": [{"name": "A", "value": long}]})),
            INVALID,
        ),
        (json!({"cluster": "a b"}), INVALID),
        (
            json!({"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/default"}),
            "ClusterNotFoundException",
        ),
        (json!({"taskDefinition": "other"}), "ClientException"),
        (json!({"taskDefinition": "etl:2"}), "ClientException"),
    ] {
        let body = run_with(more.clone());
        assert_eq!(refused(&sim, Action::RunTask, body).await, code, "{more}");
    }
    assert_eq!((sim.tasks().len(), sim.starts().len()), (0, 0));
}

#[tokio::test]
async fn a_run_at_the_edge_of_what_is_allowed_is_accepted() {
    let sim = held().await;
    let written = |length| {
        overrides(
            json!({"name": "main", "environment": [{"name": "A", "value": "x".repeat(length)}]}),
        )
    };
    let around = written(0)["overrides"].to_string().len();
    let spot = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    for more in [
        json!({"clientToken": "!~".repeat(32), "startedBy": "Aa0-/_".repeat(21)}),
        json!({"tags": many(50, |n| json!({"key": format!("k {n}+-=._:/@"), "value": "v".repeat(256)}))}),
        written(8192 - around),
        json!({"launchType": null, "capacityProviderStrategy": spot}),
        network(
            json!({"subnets": many(16, |n| json!(format!("subnet-{n}"))), "assignPublicIp": "ENABLED"}),
        ),
        json!({"taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/etl:1"}),
        json!({"platformVersion": "LATEST", "propagateTags": "TASK_DEFINITION", "enableECSManagedTags": true}),
    ] {
        run(&sim, more).await;
    }
    let all = call(&sim, Action::RunTask, run_with(json!({"count": 10}))).await;
    assert_eq!(all["tasks"].as_array().unwrap().len(), 10);
    let too_long = run_with(written(8193 - around));
    assert_eq!(refused(&sim, Action::RunTask, too_long).await, INVALID);
}

#[tokio::test]
async fn other_calls_are_as_strict() {
    let sim = held().await;
    let id = "0123456789abcdef0123456789abcdef";
    for (action, body, code) in [
        (Action::RunTask, json!({}), INVALID),
        (Action::DescribeTasks, json!({}), INVALID),
        (Action::DescribeTasks, json!({"tasks": []}), INVALID),
        (
            Action::DescribeTasks,
            json!({"tasks": vec![id; 101]}),
            INVALID,
        ),
        (
            Action::DescribeTasks,
            json!({"tasks": [id], "include": ["ALL"]}),
            INVALID,
        ),
        (
            Action::DescribeTasks,
            json!({"tasks": ["x".repeat(37)]}),
            INVALID,
        ),
        (
            Action::DescribeTasks,
            json!({"tasks": [id], "clutser": "c"}),
            MALFORMED,
        ),
        (
            Action::ListTasks,
            json!({"desiredStatus": "ENDED"}),
            INVALID,
        ),
        (Action::ListTasks, json!({"maxResults": 0}), INVALID),
        (
            Action::ListTasks,
            json!({"startedBy": "a", "family": "etl"}),
            INVALID,
        ),
        (Action::ListTasks, json!({"serviceName": "s"}), INVALID),
        (Action::StopTask, json!({"task": id}), INVALID),
        (Action::StopTask, json!({"reason": "none"}), INVALID),
        (
            Action::DescribeTaskDefinition,
            json!({"taskDefinition": "none"}),
            "ClientException",
        ),
        (Action::GetLogEvents, json!({"logStreamName": "s"}), INVALID),
        (
            Action::GetLogEvents,
            json!({"logGroupName": "/ecs/etl", "logStreamName": "s", "limit": 10_001}),
            INVALID,
        ),
        (
            Action::GetLogEvents,
            json!({"logGroupName": "/ecs/etl", "logStreamName": "s"}),
            "ResourceNotFoundException",
        ),
        (
            Action::GetLogEvents,
            json!({"logGroupName": "/no", "logStreamName": "s"}),
            "ResourceNotFoundException",
        ),
    ] {
        let known = refused(&sim, action, body.clone()).await;
        assert_eq!(known, code, "{action:?} {body}");
    }
}

#[tokio::test]
async fn a_request_without_a_signature_or_with_one_for_another_service_is_refused() {
    let sim = held().await;
    let good = crate::client::authorization(noctule_ecs_simulator::Service::Ecs);
    for (header, code) in [
        ("Bearer x".to_owned(), "IncompleteSignatureException"),
        (good.replace("/ecs/", "/sqs/"), "InvalidSignatureException"),
        (
            good.replace("SignedHeaders=host;x-amz-date, ", ""),
            "IncompleteSignatureException",
        ),
        (
            good.replace("20260101/", "20260102/"),
            "InvalidSignatureException",
        ),
        (
            good.replace("host;x-amz-date", "host"),
            "InvalidSignatureException",
        ),
        (good.replace("0000", ""), "IncompleteSignatureException"),
    ] {
        let mut sent = request(&sim, Action::RunTask, &run_request())
            .build()
            .unwrap();
        sent.headers_mut()
            .insert("authorization", header.parse().unwrap());
        let (status, answer) = crate::client::execute(sent).await;
        assert_eq!(
            (status, answer["__type"].as_str()),
            (400, Some(code)),
            "{header}"
        );
    }
    let mut sent = request(&sim, Action::RunTask, &run_request())
        .build()
        .unwrap();
    sent.headers_mut().remove("authorization");
    let (_, answer) = crate::client::execute(sent).await;
    assert_eq!(answer["__type"], "MissingAuthenticationTokenException");
    assert_eq!(sim.tasks().len(), 0);
}

#[tokio::test]
async fn an_unknown_operation_or_body_is_refused() {
    let sim = held().await;
    let mut sent = request(&sim, Action::RunTask, &run_request())
        .build()
        .unwrap();
    let target = "AmazonEC2ContainerServiceV20141113.RunTasks"
        .parse()
        .unwrap();
    sent.headers_mut().insert("x-amz-target", target);
    let (status, answer) = crate::client::execute(sent).await;
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("UnknownOperationException"))
    );
    let text = request(&sim, Action::RunTask, &run_request()).body("{");
    assert_eq!(send(text).await.1["__type"], "SerializationException");
}

#[tokio::test]
async fn the_newest_active_revision_runs_unless_another_is_named() {
    let settings = held_settings()
        .definition(Definition::held("etl", "main").revision(2))
        .definition(Definition::held("etl", "main").revision(3).inactive());
    let sim = Simulator::start(settings).await.unwrap();
    for (given, runs) in [("etl", "etl:2"), ("etl:1", "etl:1")] {
        let arn = run(&sim, json!({"taskDefinition": given})).await;
        let task = sim.tasks().pop().unwrap();
        assert_eq!((task.arn, task.definition.as_str()), (arn, runs));
    }
    let inactive = run_with(json!({"taskDefinition": "etl:3"}));
    assert_eq!(
        refused(&sim, Action::RunTask, inactive).await,
        "ClientException"
    );
    let body = json!({"taskDefinition": "etl:3"});
    let shown = call(&sim, Action::DescribeTaskDefinition, body).await;
    assert_eq!(shown["taskDefinition"]["status"], "INACTIVE");
}

#[tokio::test]
async fn an_unknown_cluster_is_not_found() {
    let settings = Settings {
        clusters: Some(vec!["ours".to_owned()]),
        ..held_settings()
    };
    let sim = Simulator::start(settings).await.unwrap();
    let code = refused(&sim, Action::RunTask, run_request()).await;
    assert_eq!(code, "ClusterNotFoundException");
    run(&sim, json!({"cluster": "ours"})).await;
    let body = json!({"clusters": ["ours", "theirs"]});
    let shown = call(&sim, Action::DescribeClusters, body).await;
    assert_eq!(
        (
            &shown["clusters"][0]["clusterName"],
            &shown["failures"][0]["reason"]
        ),
        (&json!("ours"), &json!("MISSING"))
    );
    let (status, _) = post(&sim, Action::ListTasks, json!({"cluster": "theirs"})).await;
    assert_eq!(status, 400);
}
