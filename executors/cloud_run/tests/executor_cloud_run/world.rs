//! What the engine gives to an executor: attempts, connections, contexts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_cloud_run::{CloudRun, Config, Handle, Pacing};
use noctule_executor::secrecy::SecretString;
use noctule_executor::{
    Attempt, AttemptKey, Budget, Call, Connection, Context, ErrorClass, Executor, ExecutorError,
    Host, Request, RunFacts, SecretRef, SecretSource, Unlimited, async_trait,
};
use serde_json::{Value, json};

use crate::records::KEY;
use crate::scripted::Reply;

/// An executor that pauses briefly.
pub(crate) fn quick() -> CloudRun {
    CloudRun::with_pacing(pacing())
}

/// One that does not wait for answers that never come; what it asks has long arrived by then.
pub(crate) fn impatient() -> CloudRun {
    CloudRun::with_pacing(Pacing {
        answer: Duration::from_secs(1),
        ..pacing()
    })
}

/// The executor for a server that answers so.
pub(crate) fn suited_to(reply: &Reply) -> CloudRun {
    match reply {
        Reply::Hang => impatient(),
        _ => quick(),
    }
}

fn pacing() -> Pacing {
    Pacing {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(5),
        second_look: Duration::from_millis(2),
        ..Pacing::default()
    }
}

/// An instant of the day that the tests are on.
pub(crate) fn at(time: &str) -> DateTime<Utc> {
    format!("2026-01-13T{time}Z").parse().unwrap()
}

/// The attempt under test, sent for the nth time; it was intended at 12:10.
pub(crate) fn attempt(sends: u32) -> Attempt<Config> {
    Attempt {
        key: AttemptKey::from_text(KEY),
        run: RunFacts {
            id: "run-1".to_owned(),
            dag: "nightly".to_owned(),
            ingestion_id: "20260113120000".to_owned(),
            logical_time: at("12:00:00"),
        },
        task: "etl".to_owned(),
        map_key: None,
        number: 1,
        sends,
        intended_at: at("12:10:00"),
        hold: false,
        failed_before: None,
        passing: noctule_executor::Passing::default(),
        traceparent: None,
        config: serde_json::from_value(json!({
            "job": "etl", "region": "r1", "env": { "TENANT_CODE": "cf526000" }, "args": ["--day", "2026-01-13"],
        }))
        .unwrap(),
    }
}

/// A connection to a scripted server, over these settings.
pub(crate) fn connection(url: &str, over: Value) -> Connection {
    let mut settings = json!({ "project": "p", "endpoint": url, "auth": "anonymous" });
    for (name, value) in over.as_object().unwrap() {
        settings[name] = value.clone();
    }
    Connection {
        name: "gcp".to_owned(),
        kind: "google".to_owned(),
        settings: settings.as_object().unwrap().clone(),
    }
}

/// The surroundings of a call to a scripted server.
pub(crate) fn context(url: &str) -> Context {
    context_of(connection(url, json!({})), &[])
}

/// The surroundings of a call, in this environment.
pub(crate) fn context_of(connection: Connection, env: &[(&str, &str)]) -> Context {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Context {
        connection: Some(connection),
        secrets: Arc::new(NoSecrets),
        budget: Arc::new(Unlimited),
        host: Arc::new(Host {
            state_dir: PathBuf::from("/nowhere"),
            store_id: "0a1b2c3d".to_owned(),
            env: env.iter().map(owned).collect::<BTreeMap<_, _>>(),
            binary: PathBuf::from("/nowhere"),
        }),
    }
}

/// The stored request of an attempt.
pub(crate) fn request(context: &Context, attempt: &Attempt<Config>) -> Request {
    quick()
        .request(attempt, context.connection.as_ref())
        .unwrap()
}

/// Makes the request and launches it.
pub(crate) async fn launch(context: &Context, sends: u32) -> Result<Handle, ExecutorError> {
    launch_by(&quick(), context, sends).await
}

/// The same by another executor value.
pub(crate) async fn launch_by(
    executor: &CloudRun,
    context: &Context,
    sends: u32,
) -> Result<Handle, ExecutorError> {
    let attempt = attempt(sends);
    let request = request(context, &attempt);
    executor.launch(context, &attempt, &request).await
}

/// Looks for the attempt under test.
pub(crate) async fn adopt(context: &Context) -> Result<Option<Handle>, ExecutorError> {
    adopt_by(&quick(), context).await
}

/// The same by another executor value.
pub(crate) async fn adopt_by(
    executor: &CloudRun,
    context: &Context,
) -> Result<Option<Handle>, ExecutorError> {
    let attempt = attempt(1);
    let request = request(context, &attempt);
    executor.adopt(context, &attempt, &request).await
}

/// A handle as it is stored.
pub(crate) fn handle(url: &str, job: &str, short: &str) -> Handle {
    serde_json::from_value(json!({
        "endpoint": url, "project": "p", "project_of_connection": true, "region": "r1", "job": job,
        "execution": crate::records::full_of(job, short), "key": KEY, "uid": format!("uid-{short}"),
        "created_at": "2026-01-13T12:11:00Z",
    }))
    .unwrap()
}

/// The handle's execution name.
pub(crate) fn name_of(handle: &Handle) -> String {
    quick().public_handle(handle)["execution_name"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What an error says to the engine, in a word.
pub(crate) fn word(error: &ExecutorError) -> String {
    match error {
        ExecutorError::Rejected { class, .. } => format!("rejected {class}"),
        ExecutorError::Throttled { retry_after, .. } => match retry_after {
            Some(wait) => format!("throttled {}ms", wait.as_millis()),
            None => "throttled".to_owned(),
        },
        ExecutorError::Unknown { .. } => "unknown".to_owned(),
        ExecutorError::Unavailable { alarm: false, .. } => "unavailable".to_owned(),
        ExecutorError::Unavailable { alarm: true, .. } => "alarm".to_owned(),
    }
}

struct NoSecrets;

#[async_trait]
impl SecretSource for NoSecrets {
    async fn resolve(&self, secret: &SecretRef) -> Result<SecretString, ExecutorError> {
        let message = format!("no secret `{}`", secret.secret);
        Err(ExecutorError::rejected(ErrorClass::Config, message))
    }
}

/// A budget that counts what is taken.
#[derive(Default)]
pub(crate) struct Counted {
    launches: AtomicUsize,
    polls: AtomicUsize,
}

impl Counted {
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
