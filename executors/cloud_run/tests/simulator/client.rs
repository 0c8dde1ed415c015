//! A plain HTTP client of a simulator, and the few requests most tests need.

use std::sync::LazyLock;

use noctule_cloud_run::simulator::{Fail, JobConfig, JobScript, Simulator};
use serde_json::{Value, json};

pub(crate) const PLACE: &str = "/v2/projects/p/locations/us-central1";
pub(crate) const ETL: &str = "/v2/projects/p/locations/us-central1/jobs/etl";

/// Made once, since it reads certificates; no connection outlives its request, and so its runtime.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let builder = reqwest::Client::builder().no_proxy();
    builder.pool_max_idle_per_host(0).build().unwrap()
});

/// A status and a JSON body (null if the body is something else).
pub(crate) type Reply = (u16, Value);

/// A simulator whose job `etl` does as the script says.
pub(crate) async fn simulator(script: impl Into<JobScript>) -> Simulator {
    Simulator::builder()
        .job("etl", script)
        .start()
        .await
        .unwrap()
}

/// A job that runs a shell script.
pub(crate) fn shell(script: &str) -> JobConfig {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    JobConfig {
        command,
        ..JobConfig::default()
    }
}

/// A job whose containers fail.
pub(crate) fn failing(fail: Fail) -> JobConfig {
    JobConfig {
        fail: Some(fail),
        ..JobConfig::default()
    }
}

pub(crate) fn request(sim: &Simulator, method: &str, path: &str) -> reqwest::RequestBuilder {
    let method = method.parse().unwrap();
    CLIENT.request(method, format!("{}{path}", sim.url()))
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

pub(crate) async fn get(sim: &Simulator, path: &str) -> Reply {
    send(request(sim, "GET", path)).await
}

/// What `path` answers, which must be 200.
pub(crate) async fn read(sim: &Simulator, path: &str) -> Value {
    let (status, body) = get(sim, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

pub(crate) async fn post(sim: &Simulator, path: &str, body: &Value) -> Reply {
    send(request(sim, "POST", path).json(body)).await
}

pub(crate) async fn delete(sim: &Simulator, path: &str) -> Reply {
    send(request(sim, "DELETE", path)).await
}

/// Runs the job `etl`; the answer is the path of the execution.
pub(crate) async fn run(sim: &Simulator, overrides: &Value) -> String {
    let (status, operation) =
        post(sim, &format!("{ETL}:run"), &json!({"overrides": overrides})).await;
    assert_eq!(status, 200, "{operation}");
    format!("/v2/{}", operation["metadata"]["name"].as_str().unwrap())
}

/// Runs the job `etl` and waits for its end; the answer is the execution.
pub(crate) async fn run_to_the_end(sim: &Simulator, overrides: &Value) -> Value {
    let path = run(sim, overrides).await;
    sim.wait_for(|state| state.executions.iter().all(|execution| execution.ended))
        .await;
    read(sim, &path).await
}

/// The condition of this type.
pub(crate) fn condition(resource: &Value, kind: &str) -> Value {
    let conditions = resource["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|one| one["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// The last part of a path.
pub(crate) fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}
