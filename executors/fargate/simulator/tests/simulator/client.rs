//! A plain HTTP client of a simulator, and the few requests most tests need.

use std::sync::LazyLock;

use noctule_ecs_simulator::{
    Action, ContainerDefinition, Definition, Service, Settings, Simulator, Status,
};
use serde_json::{Value, json};

/// Made once, since it reads certificates; no connection outlives its request, and so its runtime.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let builder = reqwest::Client::builder().no_proxy();
    builder.pool_max_idle_per_host(0).build().unwrap()
});

/// A status and a JSON body (null if the body is something else).
pub(crate) type Reply = (u16, Value);

/// A simulator with the family `etl`, whose only container `main` waits for the test.
pub(crate) async fn held() -> Simulator {
    Simulator::start(held_settings()).await.unwrap()
}

pub(crate) fn held_settings() -> Settings {
    Settings::default().definition(Definition::held("etl", "main"))
}

/// A simulator with the family `etl`, whose only container `main` runs a shell script.
pub(crate) async fn shell(script: &str) -> Simulator {
    let container = ContainerDefinition::command("main", &["sh", "-c", script]);
    let definition = Definition::new("etl").container(container);
    let settings = Settings::default().definition(definition);
    Simulator::start(settings).await.unwrap()
}

/// A header of the right form.
pub(crate) fn authorization(service: Service) -> String {
    let name = match service {
        Service::Ecs => "ecs",
        Service::Logs => "logs",
        Service::Secrets => "secretsmanager",
        Service::LoadBalancing => "elasticloadbalancing",
    };
    format!(
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{name}/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature={}",
        "0".repeat(64)
    )
}

pub(crate) fn request(sim: &Simulator, action: Action, body: &Value) -> reqwest::RequestBuilder {
    let target = match action.service() {
        Service::Logs => "Logs_20140328",
        Service::Secrets => "secretsmanager",
        Service::Ecs | Service::LoadBalancing => "AmazonEC2ContainerServiceV20141113",
    };
    CLIENT
        .post(sim.endpoint())
        .header("x-amz-target", format!("{target}.{}", action.name()))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", authorization(action.service()))
        .body(body.to_string())
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

pub(crate) async fn post(sim: &Simulator, action: Action, body: Value) -> Reply {
    send(request(sim, action, &body)).await
}

/// What a call answers, which must be 200.
pub(crate) async fn call(sim: &Simulator, action: Action, body: Value) -> Value {
    let (status, answer) = post(sim, action, body).await;
    assert_eq!(status, 200, "{action:?}: {answer}");
    answer
}

/// The type of the error that a call answers.
pub(crate) async fn refused(sim: &Simulator, action: Action, body: Value) -> String {
    let (status, answer) = post(sim, action, body).await;
    assert_eq!(status, 400, "{answer}");
    answer["__type"].as_str().unwrap().to_owned()
}

/// A request that starts one task of `etl`.
pub(crate) fn run_request() -> Value {
    json!({
        "taskDefinition": "etl", "launchType": "FARGATE", "count": 1,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
    })
}

/// The same with more fields.
pub(crate) fn run_with(more: Value) -> Value {
    let mut request = run_request();
    let fields = request.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    request
}

/// Starts one task; the answer is its ARN.
pub(crate) async fn run(sim: &Simulator, more: Value) -> String {
    let answer = call(sim, Action::RunTask, run_with(more)).await;
    assert_eq!(answer["failures"], json!([]), "{answer}");
    answer["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
}

/// One task as it is described now.
pub(crate) async fn describe(sim: &Simulator, arn: &str) -> Value {
    let body = json!({"tasks": [arn], "include": ["TAGS"]});
    let mut answer = call(sim, Action::DescribeTasks, body).await;
    answer["tasks"][0].take()
}

/// Waits until the first task is in this state, and shows it.
pub(crate) async fn until(sim: &Simulator, status: Status) -> Value {
    let state = sim
        .wait_for(|state| {
            state
                .tasks
                .first()
                .is_some_and(|task| task.status == status)
        })
        .await;
    sim.describe(&state.tasks[0].arn).unwrap()
}

/// Starts one task and waits for its end.
pub(crate) async fn run_to_the_end(sim: &Simulator, more: Value) -> Value {
    run(sim, more).await;
    until(sim, Status::Stopped).await
}

/// Sends a request that was built and changed by hand.
pub(crate) async fn execute(request: reqwest::Request) -> Reply {
    let response = CLIENT.execute(request).await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// A call of the query protocol; the answer is its status and text.
pub(crate) async fn form(
    sim: &Simulator,
    action: Action,
    fields: &[(&str, &str)],
) -> (u16, String) {
    let request =
        form_request(sim, action, fields).header("authorization", authorization(action.service()));
    text(request).await
}

pub(crate) async fn unsigned_form(sim: &Simulator, action: Action) -> (u16, String) {
    text(form_request(sim, action, &[])).await
}

fn form_request(
    sim: &Simulator,
    action: Action,
    fields: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    let mut body = format!("Action={}&Version=2015-12-01", action.name());
    for (name, value) in fields {
        body.push_str(&format!(
            "&{name}={}",
            value.replace(':', "%3A").replace('/', "%2F")
        ));
    }
    CLIENT
        .post(sim.endpoint())
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .header("x-amz-date", "20260101T000000Z")
        .body(body)
}

async fn text(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// One of the simulator's own routes.
pub(crate) async fn control(sim: &Simulator, path: &str, body: Option<Value>) -> Reply {
    let url = format!("{}/_simulator/{path}", sim.endpoint());
    send(match body {
        Some(body) => CLIENT.post(url).body(body.to_string()),
        None => CLIENT.get(url),
    })
    .await
}
