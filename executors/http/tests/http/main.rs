//! The http executor against real sockets: services that work, and services that do everything wrong.

mod calling;
mod conformance;
mod evil;
mod following;
mod google;
mod lines;
mod losing;
mod proxy;
mod redirects;
mod requests;
mod secrecy;
mod service;
mod sessions;

use std::time::Duration;

use serde_json::Value;

use noctule_executor::{
    AnyExecutor, Attempt, Connection, Context, ErrorClass, ExecutorError, Finished, Outcome,
    Request, Status,
};
use noctule_executor_testing::{attempt, context};
use noctule_http::{Http, Pacing};

/// Times for tests: doubts last no longer than a blink.
fn http() -> Http {
    Http::with_pacing(Pacing {
        answer: Duration::from_secs(5),
        settle: Duration::ZERO,
        second_look: Duration::from_millis(5),
    })
}

fn connection(settings: Value) -> Connection {
    let Value::Object(settings) = settings else {
        return connection(serde_json::json!({}));
    };
    Connection {
        name: "steps".to_owned(),
        kind: "http".to_owned(),
        settings,
    }
}

fn request(attempt: &Attempt<Value>, connection: Option<&Connection>) -> Request {
    AnyExecutor::request(&http(), attempt, connection).expect("the configuration is good")
}

/// Why a configuration is refused.
fn refusal(with: Value, connection: Option<&Connection>) -> String {
    let refused = AnyExecutor::request(&http(), &attempt("a", with), connection);
    refused.expect_err("the configuration is bad").message
}

async fn launch_in(context: &Context, with: Value) -> Result<Value, ExecutorError> {
    let attempt = attempt("a", with);
    let request = request(&attempt, context.connection.as_ref());
    AnyExecutor::launch(&http(), context, &attempt, &request).await
}

async fn launch(with: Value) -> Result<Value, ExecutorError> {
    launch_in(&context(None), with).await
}

async fn poll(handle: &Value) -> Result<Status, ExecutorError> {
    poll_for(handle, Duration::from_millis(20)).await
}

async fn poll_for(handle: &Value, patience: Duration) -> Result<Status, ExecutorError> {
    let handles = [handle.clone()];
    let context = context(None);
    let mut answers = AnyExecutor::poll(&http(), &context, &handles, patience).await;
    answers.remove(0)
}

fn outcome(status: Result<Status, ExecutorError>) -> Outcome {
    match status {
        Ok(Status::Finished(Finished { outcome, .. })) => outcome,
        other => Outcome::failed(ErrorClass::Unknown, format!("no end: {other:?}"), None),
    }
}

/// The verdict of a plain call.
async fn verdict(with: Value) -> Outcome {
    match launch(with).await {
        Ok(handle) => outcome(poll(&handle).await),
        Err(error) => Outcome::failed(ErrorClass::Unknown, format!("no answer: {error:?}"), None),
    }
}

fn class(outcome: &Outcome) -> Option<ErrorClass> {
    match outcome {
        Outcome::Failed { class, .. } => Some(*class),
        _ => None,
    }
}
