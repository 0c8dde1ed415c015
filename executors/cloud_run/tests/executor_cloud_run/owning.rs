//! Work that carries our store's mark, on the simulator: all of it, and nobody else's.

use std::collections::BTreeSet;

use noctule_cloud_run::simulator::{Ending, JobScript, Simulator};
use noctule_executor::{AttemptKey, Context, Executor};
use serde_json::{Value, json};

use crate::records::{KEY, execution, page, running, succeeded, with};
use crate::scripted::{Reply, Scripted};
use crate::world::{attempt, context, quick, request, word};

const THEIRS: &str = "n1-ffffffff-0123456789abcdef0123456789abcdef01234567";

fn etl() -> Value {
    json!({ "job": "etl", "region": "r1" })
}

async fn simulator() -> Simulator {
    Simulator::builder()
        .job("etl", JobScript::hold())
        .job("other", JobScript::hold())
        .start()
        .await
        .unwrap()
}

/// Starts work of `etl` under a key; its short name.
async fn start(simulator: &Simulator, key: &str) -> String {
    let context = context(&simulator.url());
    let mut attempt = attempt(1);
    attempt.key = AttemptKey::from_text(key);
    let request = request(&context, &attempt);
    let handle = quick().launch(&context, &attempt, &request).await.unwrap();
    let name = crate::world::name_of(&handle);
    name.rsplit('/').next().unwrap().to_owned()
}

fn key(number: usize) -> String {
    format!("n1-0a1b2c3d-{number:040x}")
}

async fn listed(context: &Context, places: &[Value]) -> Vec<String> {
    let found = quick().owned(context, places).await.unwrap();
    let name = |owned: &noctule_executor::Owned<noctule_cloud_run::Handle>| {
        let name = quick().public_handle(&owned.handle)["execution_name"].clone();
        format!(
            "{} {}",
            owned.key,
            name.as_str().unwrap().rsplit('/').next().unwrap()
        )
    };
    found.iter().map(name).collect()
}

#[tokio::test]
async fn live_work_of_this_store_is_listed_and_nothing_else() {
    let simulator = simulator().await;
    let ended = start(&simulator, &key(1)).await;
    simulator.finish(&ended, Ending::Succeeded).unwrap();
    start(&simulator, THEIRS).await;
    let stranger = reqwest::Client::new()
        .post(format!("{}/v2/projects/p/locations/r1/jobs/etl:run", simulator.url()))
        .json(&json!({ "overrides": { "containerOverrides": [{ "env": [{ "name": "TENANT_CODE", "value": KEY }] }] } }))
        .send()
        .await
        .unwrap();
    assert!(stranger.status().is_success());
    let live = start(&simulator, &key(2)).await;
    assert_eq!(simulator.executions().len(), 4);
    let found = listed(&context(&simulator.url()), &[etl()]).await;
    assert_eq!(found, [format!("{} {live}", key(2))]);
    assert_eq!(simulator.cancels_sent(), 0);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let simulator = simulator().await;
    let mut wanted = BTreeSet::new();
    for number in 0..103 {
        let name = start(&simulator, &key(number)).await;
        wanted.insert(format!("{} {name}", key(number)));
    }
    let found = listed(&context(&simulator.url()), &[etl()]).await;
    assert_eq!(found.len(), 103);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
}

#[tokio::test]
async fn a_job_is_looked_at_once_and_only_by_what_leads_to_it() {
    let cloud =
        Scripted::start(|_| Reply::ok(page(&[running(execution("etl-1", KEY, 11))], ""))).await;
    let places = [
        etl(),
        json!({ "job": "etl", "region": "r1", "project": "p", "task_count": 3 }),
        json!({ "job": "etl", "region": "r1", "env": { "A": "1" } }),
    ];
    let found = listed(&context(&cloud.url), &places).await;
    assert_eq!(found, [format!("{KEY} etl-1")]);
    assert_eq!(cloud.lines(), ["GET etl/executions"]);
}

#[tokio::test]
async fn what_is_listed_can_be_stopped_by_its_handle() {
    let simulator = simulator().await;
    let live = start(&simulator, KEY).await;
    let context = context(&simulator.url());
    let found = quick().owned(&context, &[etl()]).await.unwrap();
    assert!(found[0].since.is_some());
    quick()
        .cancel(&context, &found[0].handle, std::time::Duration::ZERO)
        .await
        .unwrap();
    let executions = simulator.executions();
    assert!(executions[0].id == live && executions[0].cancel_requested);
    assert!(listed(&context, &[etl()]).await.is_empty());
}

#[tokio::test]
async fn queued_work_is_live_and_a_part_of_the_mark_is_no_mark() {
    let cloud = Scripted::start(|_| {
        let env = |value: &str| {
            let over =
                json!({ "containers": [{ "env": [{ "name": "TENANT_CODE", "value": value }] }] });
            with(execution("etl-env", KEY, 11), json!({ "template": over }))
        };
        Reply::ok(page(
            &[
                execution("etl-queued", KEY, 12),
                execution("etl-longer", "n1-0a1b2c3d0-0123", 12),
                execution("etl-middle", "x-n1-0a1b2c3d-0123", 12),
                env(KEY),
                succeeded(execution("etl-done", KEY, 11)),
            ],
            "",
        ))
    })
    .await;
    let found = listed(&context(&cloud.url), &[etl()]).await;
    assert_eq!(found, [format!("{KEY} etl-queued")]);
}

#[tokio::test]
async fn a_place_that_cannot_be_looked_at_is_an_error() {
    for (reply, expected) in [
        (Reply::error(503, "UNAVAILABLE"), "unavailable"),
        (Reply::error(403, "PERMISSION_DENIED"), "alarm"),
        (Reply::error(429, "RESOURCE_EXHAUSTED"), "throttled"),
    ] {
        let broken = reply.clone();
        let cloud = Scripted::start(move |asked| match asked.query.contains("pageToken") {
            true => broken.clone(),
            false => Reply::ok(page(&[running(execution("etl-1", KEY, 12))], "2")),
        })
        .await;
        let found = quick().owned(&context(&cloud.url), &[etl()]).await;
        assert_eq!(word(&found.unwrap_err()), expected, "{reply:?}");
    }
    let endless = Scripted::start(|_| Reply::ok(page(&[], "again"))).await;
    let found = quick().owned(&context(&endless.url), &[etl()]).await;
    assert_eq!(word(&found.unwrap_err()), "unavailable");
    let nowhere = [json!({ "job": "etl" })];
    let found = quick().owned(&context(&endless.url), &nowhere).await;
    assert_eq!(word(&found.unwrap_err()), "alarm");
}

#[tokio::test]
async fn a_job_that_is_gone_has_no_work() {
    let cloud = Scripted::start(|_| Reply::error(404, "NOT_FOUND")).await;
    assert!(listed(&context(&cloud.url), &[etl()]).await.is_empty());
}
