//! What `noctule doctor` finds: each thing that a launch would stumble over, by its name.

use noctule_executor::{Executor, Finding};
use serde_json::{Value, json};

use crate::records::{definition, failure, listed};
use crate::scripted::{Asked, Reply, Scripted};
use crate::sessions::{GROUP, health};
use crate::world::{at, etl, etl_with, quick, with_settings};

fn cluster(status: &str) -> Reply {
    let cluster = json!({ "clusterName": "c", "status": status, "capacityProviders": ["FARGATE"] });
    Reply::ok(json!({ "clusters": [cluster], "failures": [] }))
}

fn all_good(asked: &Asked) -> Reply {
    match asked.action().as_str() {
        "DescribeClusters" => cluster("ACTIVE"),
        "ListTasks" => listed(&[]),
        "DescribeTasks" => failure("0", "MISSING"),
        "DescribeTaskDefinition" => definition(3),
        "DescribeTargetHealth" => health("unused", "Target.NotRegistered"),
        action => panic!("a doctor never asks for {action}"),
    }
}

/// The bad findings where one action is answered so.
async fn bad(configs: &[Value], action: &'static str, reply: Reply) -> Vec<Finding> {
    let ecs = Scripted::start(move |asked| {
        if asked.action() == action {
            return reply.clone();
        }
        all_good(asked)
    })
    .await;
    let mut findings = quick().preflight(&at(&ecs.url), configs).await;
    assert!(!findings.is_empty());
    findings.retain(|finding| !finding.good);
    findings
}

fn only(findings: &[Finding]) -> String {
    let [finding] = findings else {
        panic!("one thing is wrong: {findings:?}")
    };
    format!("{}: {}", finding.subject, finding.message)
}

#[tokio::test]
async fn a_good_account_has_no_bad_finding() {
    let session = etl_with(json!({ "target_group": GROUP, "port": 8080 }));
    assert_eq!(bad(&[etl(), etl(), session], "", Reply::Reset).await, []);
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_named() {
    let denied = || Reply::error(400, "AccessDeniedException", "no");
    for (action, reply, said) in [
        (
            "DescribeClusters",
            cluster("INACTIVE"),
            "cluster c: it is INACTIVE",
        ),
        (
            "DescribeClusters",
            Reply::ok(json!({ "clusters": [] })),
            "cluster c: it does not exist",
        ),
        (
            "DescribeClusters",
            denied(),
            "missing right `ecs:DescribeClusters`",
        ),
        (
            "ListTasks",
            denied(),
            "rights on cluster c: missing right `ecs:ListTasks`",
        ),
        (
            "DescribeTasks",
            denied(),
            "rights on cluster c: missing right `ecs:DescribeTasks`",
        ),
        (
            "DescribeTaskDefinition",
            denied(),
            "missing right `ecs:DescribeTaskDefinition`",
        ),
        (
            "DescribeTaskDefinition",
            Reply::error(
                400,
                "ClientException",
                "Unable to describe task definition.",
            ),
            "task definition etl:3: ",
        ),
    ] {
        let found = only(&bad(&[etl()], action, reply).await);
        assert!(found.contains(said), "{said}: {found}");
    }
    let session = etl_with(json!({ "target_group": GROUP, "port": 8080 }));
    let found = bad(
        &[session],
        "DescribeTargetHealth",
        Reply::xml_error(400, "TargetGroupNotFound"),
    )
    .await;
    assert!(only(&found).contains(GROUP), "{found:?}");
}

#[tokio::test]
async fn a_definition_that_cannot_be_launched_is_named() {
    for (key, value, said) in [
        ("status", json!("INACTIVE"), "is INACTIVE"),
        (
            "requiresCompatibilities",
            json!(["EC2"]),
            "is not for Fargate",
        ),
        ("networkMode", json!("bridge"), "awsvpc"),
    ] {
        let Reply::Json(status, mut answer) = definition(3) else {
            panic!("a definition is JSON")
        };
        answer["taskDefinition"][key] = value;
        let found = only(
            &bad(
                &[etl()],
                "DescribeTaskDefinition",
                Reply::Json(status, answer),
            )
            .await,
        );
        assert!(found.contains(said), "{said}: {found}");
    }
    let found = bad(&[etl_with(json!({ "container": "man" }))], "", Reply::Reset).await;
    assert!(
        only(&found).contains("has no container `man`: it has main, proxy"),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_a_configuration_lacks_is_named() {
    let found = bad(
        &[etl_with(json!({ "cluster": "", "subnets": [] }))],
        "",
        Reply::Reset,
    )
    .await;
    let said: Vec<_> = found
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        said,
        ["no cluster is named for it", "no subnet is named for it"]
    );
    let found = bad(
        &[etl_with(json!({ "capacity": "FARGATE_SPOT" }))],
        "",
        Reply::Reset,
    )
    .await;
    assert!(only(&found).contains("FARGATE_SPOT"), "{found:?}");
}

#[tokio::test]
async fn templates_are_not_judged_and_what_is_not_looked_at_is_said() {
    let ecs = Scripted::start(all_good).await;
    let with = json!({ "cluster": "{{ vars.c }}", "task_definition": "{{ vars.d }}", "subnets": "{{ vars.s }}" });
    let findings = quick().preflight(&at(&ecs.url), &[with]).await;
    assert!(findings.iter().all(|finding| finding.good), "{findings:?}");
    assert_eq!(ecs.asked().len(), 0);
    let said = format!("{findings:?}");
    for part in ["iam:PassRole", "subnets", "known when it runs"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_connection_or_credentials_that_cannot_be_used_are_one_finding() {
    let settings = json!({ "region": "us-east-1", "profile": "noctule-has-no-such-profile" });
    for (context, subject) in [
        (with_settings(settings), "aws credentials"),
        (
            with_settings(json!({ "region": "nowhere" })),
            "aws connection",
        ),
    ] {
        let findings = quick().preflight(&context, &[etl()]).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(!findings[0].good);
        assert_eq!(findings[0].subject, subject);
    }
}
