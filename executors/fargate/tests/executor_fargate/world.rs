//! What the engine gives to an executor: attempts, connections, contexts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use noctule_executor::{
    Attempt, AttemptKey, Budget, Call, Connection, Context, Executor, ExecutorError, Request,
    RunFacts, async_trait,
};
use noctule_executor_testing::context;
use noctule_fargate::{Config, Fargate, Handle, Pacing};
use serde_json::{Value, json};

use crate::records::KEY;

/// An executor that waits for nobody.
pub(crate) fn quick() -> Fargate {
    Fargate::with_pacing(quickly())
}

/// Times of milliseconds.
pub(crate) fn quickly() -> Pacing {
    Pacing {
        answer: Duration::from_secs(20),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        second_look: Duration::from_millis(5),
        ..Pacing::default()
    }
}

/// An executor that does not wait long for an answer.
pub(crate) fn impatient() -> Fargate {
    Fargate::with_pacing(Pacing {
        answer: Duration::from_secs(1),
        ..quickly()
    })
}

/// The surroundings of a call to a server.
pub(crate) fn at(url: &str) -> Context {
    with_settings(json!({ "endpoint": url, "region": "us-east-1" }))
}

/// The same with other settings.
pub(crate) fn with_settings(settings: Value) -> Context {
    context(Some(Connection {
        name: "aws1".to_owned(),
        kind: "aws".to_owned(),
        settings: serde_json::from_value(settings).unwrap(),
    }))
}

/// A configuration that names all it must.
pub(crate) fn etl() -> Value {
    json!({ "cluster": "c", "task_definition": "etl:3", "container": "main", "subnets": ["subnet-1"] })
}

/// The same with some keys more.
pub(crate) fn etl_with(more: Value) -> Value {
    let mut config = etl();
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

/// The attempt under test, on its nth send.
pub(crate) fn attempt(config: Value, sends: u32) -> Attempt<Config> {
    Attempt {
        key: AttemptKey::from_text(KEY),
        run: RunFacts {
            id: "run-1".to_owned(),
            dag: "dag".to_owned(),
            ingestion_id: "20260113".to_owned(),
            logical_time: Utc::now(),
        },
        task: "etl".to_owned(),
        map_key: None,
        number: 1,
        sends,
        intended_at: Utc::now(),
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: serde_json::from_value(config).unwrap(),
    }
}

/// The same, first meant hours ago.
pub(crate) fn old_attempt(sends: u32, hours: i64) -> Attempt<Config> {
    Attempt {
        intended_at: Utc::now() - TimeDelta::hours(hours),
        ..attempt(etl(), sends)
    }
}

/// The request of an attempt, through the store.
pub(crate) fn request(context: &Context, attempt: &Attempt<Config>) -> Request {
    let request = quick()
        .request(attempt, context.connection.as_ref())
        .unwrap();
    Request(serde_json::from_str(&request.canonical()).unwrap())
}

/// Launches an attempt.
pub(crate) async fn launch_by(
    executor: &Fargate,
    context: &Context,
    attempt: &Attempt<Config>,
) -> Result<Handle, ExecutorError> {
    let request = request(context, attempt);
    executor.launch(context, attempt, &request).await
}

/// Launches the usual attempt.
pub(crate) async fn launch(context: &Context, sends: u32) -> Result<Handle, ExecutorError> {
    launch_by(&quick(), context, &attempt(etl(), sends)).await
}

/// The task's ARN.
pub(crate) fn arn_of(handle: &Handle) -> String {
    let public = quick().public_handle(handle);
    public["task_arn"].as_str().unwrap().to_owned()
}

/// What a launch came to: the ARN, or what the error says to the engine.
pub(crate) fn word(launched: &Result<Handle, ExecutorError>) -> String {
    match launched {
        Ok(handle) => arn_of(handle).rsplit('/').next().unwrap().to_owned(),
        Err(error) => word_of(error),
    }
}

/// What an error says to the engine, in a word.
pub(crate) fn word_of(error: &ExecutorError) -> String {
    match error {
        ExecutorError::Rejected { class, .. } => format!("rejected {class}"),
        ExecutorError::Throttled { .. } => "throttled".to_owned(),
        ExecutorError::Unknown { .. } => "unknown".to_owned(),
        ExecutorError::Unavailable { alarm: false, .. } => "unavailable".to_owned(),
        ExecutorError::Unavailable { alarm: true, .. } => "alarm".to_owned(),
    }
}

/// A stored handle of a task that was launched minutes ago.
pub(crate) fn handle(url: &str, id: &str, minutes: i64, more: Value) -> Handle {
    let mut handle = json!({
        "endpoint": url, "region": "us-east-1", "cluster": "c", "task_arn": crate::records::arn(id), "key": KEY,
        "judged": ["main"], "launched_at": Utc::now() - TimeDelta::minutes(minutes),
    });
    for (key, value) in more.as_object().unwrap() {
        handle[key] = value.clone();
    }
    serde_json::from_value(handle).unwrap()
}

/// A budget that counts what is taken.
#[derive(Default)]
pub(crate) struct Counted {
    launches: AtomicUsize,
    polls: AtomicUsize,
}

impl Counted {
    /// Gives this budget to a context.
    pub(crate) fn of(context: &mut Context) -> Arc<Self> {
        let budget = Arc::new(Self::default());
        context.budget = budget.clone();
        budget
    }

    /// Launches and polls.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (
            self.launches.load(Ordering::SeqCst),
            self.polls.load(Ordering::SeqCst),
        )
    }
}

#[async_trait]
impl Budget for Counted {
    async fn take(&self, call: Call) {
        let counter = match call {
            Call::Launch => &self.launches,
            Call::Poll => &self.polls,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}
