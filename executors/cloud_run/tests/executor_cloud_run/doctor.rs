//! What `doctor` finds out, without starting anything.

use noctule_executor::{Executor, Finding};
use serde_json::{Value, json};

use crate::scripted::{Reply, Scripted};
use crate::world::{context, quick};

async fn findings(cloud: &Scripted, configs: &[Value]) -> Vec<(bool, String)> {
    let found = quick().preflight(&context(&cloud.url), configs).await;
    assert!(
        cloud
            .asked()
            .iter()
            .all(|asked| !asked.path.ends_with(":run"))
    );
    let pair = |finding: Finding| {
        (
            finding.good,
            format!("{}: {}", finding.subject, finding.message),
        )
    };
    found.into_iter().map(pair).collect()
}

fn etl() -> Value {
    json!({ "job": "etl", "region": "r1" })
}

fn job(most: u32) -> Reply {
    Reply::ok(
        json!({ "name": "projects/p/locations/r1/jobs/etl", "template": { "template": { "maxRetries": most } } }),
    )
}

#[tokio::test]
async fn all_is_well() {
    let cloud = Scripted::start(|asked| match asked.line().as_str() {
        "GET etl" => job(0),
        "POST etl:testIamPermissions" => {
            Reply::ok(json!({ "permissions": asked.json()["permissions"] }))
        }
        _ => Reply::ok(json!({})),
    })
    .await;
    let found = findings(&cloud, &[etl(), etl()]).await;
    assert!(found.iter().all(|(good, _)| *good), "{found:?}");
    assert_eq!(
        found.len(),
        2,
        "one for the credentials, one for the job: {found:?}"
    );
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let cloud = Scripted::start(|asked| match asked.line().as_str() {
        "GET etl" => job(3),
        "POST etl:testIamPermissions" => {
            Reply::ok(json!({ "permissions": ["run.jobs.get", "run.jobs.run"] }))
        }
        _ => Reply::error(403, "PERMISSION_DENIED"),
    })
    .await;
    let found = findings(&cloud, &[etl()]).await;
    let said = |word: &str, good: bool| {
        found
            .iter()
            .any(|(is, text)| *is == good && text.contains(word))
    };
    assert!(said("run.jobs.runWithOverrides", false), "{found:?}");
    assert!(said("run.executions.list", false), "{found:?}");
    assert!(said("3 times", true), "{found:?}");
}

#[tokio::test]
async fn a_job_that_is_not_there() {
    let cloud = Scripted::start(|_| Reply::error(404, "NOT_FOUND")).await;
    let found = findings(&cloud, &[etl()]).await;
    assert!(
        !found[1].0 && found[1].1.contains("does not exist"),
        "{found:?}"
    );
}

#[tokio::test]
async fn templates_are_left_to_the_run() {
    let cloud = Scripted::start(|_| Reply::error(404, "NOT_FOUND")).await;
    let found = findings(
        &cloud,
        &[json!({ "job": "{{ params.job }}", "region": "r1" })],
    )
    .await;
    assert!(found.iter().all(|(good, _)| *good), "{found:?}");
    assert_eq!(cloud.asked().len(), 0);
}
