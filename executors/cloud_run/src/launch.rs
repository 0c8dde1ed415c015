//! Sends the stored request, once, and finds out what came of it.
//!
//! Guarantees: the bytes sent are the stored body, secrets that may be shown in the place of their references; surely-not-started is said only where nothing was sent or Google
//! refused it; nothing is sent again without a look for what an earlier send started, and after a resend two executions
//! of one key are made one.
//! Facts: `jobs.run` has no request id and is not idempotent; its answer names the execution at once.

use noctule_executor::secrecy::ExposeSecret;
use noctule_executor::{Attempt, ErrorClass, ExecutorError, Request, SecretRef};
use serde_json::{Value, json};

use crate::adoption::Wanted;
use crate::config::Config;
use crate::execution::Execution;
use crate::failure::Verb;
use crate::handle::Handle;
use crate::indexes::Part;
use crate::lenient;
use crate::rules;
use crate::session::Session;
use crate::target::Target;
use crate::transport::Wire;

/// Starts the work of an attempt.
pub(crate) async fn launch(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
) -> Result<Handle, ExecutorError> {
    let target = target(session, attempt, request)?;
    if attempt.sends > 1
        && let Some(found) = session.only_one(&wanted(attempt, &target), None).await?
    {
        return Ok(handle(attempt, request, target, found, None));
    }
    let wire = Wire::post(
        Verb::Launch,
        target.run_url(),
        body(session, request).await?,
    );
    let operation = match session.json(&wire).await {
        Ok(operation) => operation,
        Err(error) => return refused(session, attempt, request, target, error.of_launch()).await,
    };
    let started = started(&target, &operation).map_err(ExecutorError::unknown)?;
    let name = lenient::text(&operation, "name");
    if attempt.sends <= 1 {
        return Ok(handle(attempt, request, target, started, name));
    }
    let kept = only_one(session, attempt, &target, started.clone()).await?;
    let operation = name.filter(|_| kept.name == started.name);
    Ok(handle(attempt, request, target, kept, operation))
}

/// A resend that is refused for good says nothing about the sends before it: one last look may still find their work.
async fn refused(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
    target: Target,
    error: ExecutorError,
) -> Result<Handle, ExecutorError> {
    if attempt.sends <= 1 || !matches!(error, ExecutorError::Rejected { .. }) {
        return Err(error);
    }
    match session.only_one(&wanted(attempt, &target), None).await {
        Ok(Some(execution)) => Ok(handle(attempt, request, target, execution, None)),
        Ok(None) | Err(_) => Err(error),
    }
}

/// Finds the work of an attempt.
pub(crate) async fn adopt(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
) -> Result<Option<Handle>, ExecutorError> {
    let target = target(session, attempt, request)?;
    let found = session.only_one(&wanted(attempt, &target), None).await?;
    Ok(found.map(|execution| handle(attempt, request, target, execution, None)))
}

/// The job of the stored request, if the connection still leads there.
fn target(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    request: &Request,
) -> Result<Target, ExecutorError> {
    let target = Target::of_request(&request.0).map_err(ExecutorError::alarm)?;
    let settings = &session.settings;
    if target.endpoint != settings.endpoint {
        return Err(ExecutorError::alarm(format!(
            "the stored request is for {}, the connection now points to {}",
            target.endpoint, settings.endpoint
        )));
    }
    let moved = settings
        .project
        .as_ref()
        .filter(|now| **now != target.project);
    match moved {
        Some(now) if attempt.config.project.is_none() => Err(ExecutorError::alarm(format!(
            "the stored request is for project `{}`, the connection now names `{now}`",
            target.project
        ))),
        _ => Ok(target),
    }
}

/// The stored body, as the bytes that are sent.
async fn body(session: &Session<'_>, request: &Request) -> Result<Vec<u8>, ExecutorError> {
    let body = request.0.get("body");
    let body = body.ok_or_else(|| ExecutorError::alarm("the stored request has no `body`"))?;
    let body = revealed(session, body.clone()).await?;
    serde_json::to_vec(&body)
        .map_err(|error| ExecutorError::alarm(format!("the stored request: {error}")))
}

/// A body with every secret in the place of our reference. Cloud Run's own references stay.
async fn revealed(session: &Session<'_>, mut body: Value) -> Result<Value, ExecutorError> {
    let containers = body["overrides"]["containerOverrides"].as_array_mut();
    for container in containers.into_iter().flatten() {
        let variables = container["env"].as_array_mut();
        for variable in variables.into_iter().flatten() {
            let Some(reference) = variable.get("value").filter(|value| value.is_object()) else {
                continue;
            };
            let secret: SecretRef = serde_json::from_value(reference.clone())
                .map_err(|error| ExecutorError::alarm(format!("the stored request: {error}")))?;
            let value = session.secrets.resolve(&secret).await?;
            rules::variable_value(value.expose_secret())
                .map_err(|error| ExecutorError::rejected(ErrorClass::Config, error))?;
            variable["value"] = json!(value.expose_secret());
        }
    }
    Ok(body)
}

/// The execution that an operation is about.
fn started(target: &Target, operation: &Value) -> Result<Execution, String> {
    let execution = operation.get("metadata").and_then(Execution::read);
    let execution = execution.ok_or_else(|| {
        format!(
            "POST {}: the answer names no execution: {}",
            target.run_url(),
            lenient::text(operation, "name").unwrap_or_else(|| "no operation either".to_owned())
        )
    })?;
    match target.short_name(&execution.name) {
        Some(_) => Ok(execution),
        None => Err(format!(
            "POST {}: the answer is about `{}`",
            target.run_url(),
            execution.name
        )),
    }
}

/// Looks once more after a resend. Where that fails the launch counts as unknown, so that the search is made again.
async fn only_one(
    session: &Session<'_>,
    attempt: &Attempt<Config>,
    target: &Target,
    started: Execution,
) -> Result<Execution, ExecutorError> {
    let unknown = |why: String| {
        ExecutorError::unknown(format!(
            "it was sent again and accepted, but the look for a double failed: {why}"
        ))
    };
    let known = Some(started.clone());
    match session.only_one(&wanted(attempt, target), known).await {
        Ok(kept) => Ok(kept.unwrap_or(started)),
        Err(error) => Err(unknown(error.to_string())),
    }
}

fn wanted<'a>(attempt: &'a Attempt<Config>, target: &'a Target) -> Wanted<'a> {
    Wanted {
        target,
        key: &attempt.key,
        intended_at: attempt.intended_at,
    }
}

fn handle(
    attempt: &Attempt<Config>,
    request: &Request,
    target: Target,
    execution: Execution,
    operation: Option<String>,
) -> Handle {
    Handle {
        endpoint: target.endpoint,
        project: target.project,
        project_of_connection: attempt.config.project.is_none(),
        region: target.region,
        job: target.job,
        execution: execution.name,
        operation,
        uid: execution.uid,
        key: attempt.key.clone(),
        created_at: execution.created_at,
        log_uri: execution.log_uri,
        // Of what was sent, whatever is known of the try before by now.
        part: Part::of_request(&request.0),
    }
}
