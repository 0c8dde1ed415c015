//! What an attempt wrote, and what was sent for it.
//!
//! A log is a stranger's bytes: it leaves as text to be saved, never as something that a browser shows as a page.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use noctule_core::run::{Attempt, AttemptState, Handle, TaskRunIx};
use noctule_executor::{LogCursor, LogPage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{Need, Role};
use crate::known::Story;
use crate::operation::{Call, Nothing, Operation, Verb, found};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// The headers beside the bytes of a log: the cursor of what follows, whether nothing more is there now, and how the
/// attempt stands.
pub const LOG_HEADERS: [&str; 3] = [NEXT, DRAINED, STATE];

const NEXT: &str = "noctule-log-next";
const DRAINED: &str = "noctule-log-drained";
const STATE: &str = "noctule-attempt-state";
/// The longest cursor.
const CURSOR: usize = 8 * 1024;

/// `GET /api/v1/task-runs/{id}/attempts/{n}/logs`.
pub(crate) struct AttemptLogs;
/// `GET /api/v1/task-runs/{id}/attempts/{n}/request`.
pub(crate) struct AttemptRequest;

/// Which part of a log.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// `noctule-log-next` of the part before.
    after: Option<String>,
}

/// What was sent for an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RequestView {
    /// The attempt key.
    pub(crate) key: String,
    /// The kind of its executor.
    pub(crate) executor: String,
    /// The connection it went through.
    pub(crate) connection: Option<String>,
    /// The request exactly as it is sent; secrets are references.
    pub(crate) request: Value,
}

impl RequestView {
    pub(crate) fn of(story: &Story, task: TaskRunIx, attempt: &Attempt) -> Self {
        let task = &story.run.tasks[task.index()];
        Self {
            key: attempt.key.to_string(),
            executor: task.definition(&story.dag).executor.clone(),
            connection: attempt.prepared.connection.clone(),
            request: attempt.prepared.request.0.clone(),
        }
    }
}

impl Operation for AttemptLogs {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/task-runs/{id}/attempts/{n}/logs";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "attempt_logs";
    const SUMMARY: &'static str =
        "What an attempt wrote, in parts; `noctule-log-next` names the next";
    const MEDIA: &'static str = "text/plain";
    type Query = LogQuery;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<LogQuery, Nothing>) -> Result<Response, Problem> {
        let (id, number) = (call.task_run()?, call.attempt()?);
        let after = call.query.after.as_deref().map(read_cursor).transpose()?;
        let (story, ix) = web.task_story(&id).await?;
        let task = &story.run.tasks[ix.index()];
        let attempt = find(&task.attempts, number)?;
        let kind = &task.definition(&story.dag).executor;
        let page = match handle(attempt) {
            Some(handle) => page(&web, &story, kind, attempt, handle, after.as_ref()).await?,
            None => LogPage::end(),
        };
        let next = page.next.clone().or(after);
        Ok(response(page, next.as_ref(), attempt))
    }
}

impl Operation for AttemptRequest {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/api/v1/task-runs/{id}/attempts/{n}/request";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "attempt_request";
    const SUMMARY: &'static str =
        "The request of an attempt, exactly as it is sent; secrets are references";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = RequestView;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let (id, number) = (call.task_run()?, call.attempt()?);
        let (story, ix) = web.task_story(&id).await?;
        let task = &story.run.tasks[ix.index()];
        let attempt = find(&task.attempts, number)?;
        found(&RequestView::of(&story, ix, attempt))
    }
}

pub(crate) fn find(attempts: &[Attempt], number: u32) -> Result<&Attempt, Problem> {
    let found = attempts.iter().find(|attempt| attempt.number == number);
    found.ok_or_else(|| {
        let said = format!("it has {} attempts, and no {number}", attempts.len());
        Problem::new(Code::NoSuchAttempt, said)
    })
}

pub(crate) fn handle(attempt: &Attempt) -> Option<&Handle> {
    match &attempt.state {
        AttemptState::Launching(_) => None,
        AttemptState::Running(work) => Some(&work.handle),
        AttemptState::Cancelling(work) => Some(&work.handle),
        AttemptState::Ended(ended) => ended.handle.as_ref(),
    }
}

async fn page(
    web: &Web,
    story: &Story,
    kind: &str,
    attempt: &Attempt,
    handle: &Handle,
    after: Option<&LogCursor>,
) -> Result<LogPage, Problem> {
    let around = web.engine()?.surroundings()?;
    let unreadable = |said: String| Problem::new(Code::LogUnavailable, said);
    let executor = around.desk.executor(kind).map_err(unreadable)?;
    let connection = attempt.prepared.connection.as_deref();
    let context = around.context(story.run.facts.dag.as_str(), connection);
    let _turn = web.log_readers().acquire().await;
    executor
        .logs(&context, &handle.raw, after)
        .await
        .map_err(|error| unreadable(format!("the log cannot be read: {error}")))
}

fn read_cursor(text: &str) -> Result<LogCursor, Problem> {
    let wrong = || Problem::new(Code::InvalidParameter, "after: this is no cursor of a log");
    if text.len() > CURSOR {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    String::from_utf8(bytes).map(LogCursor).map_err(|_| wrong())
}

fn response(page: LogPage, next: Option<&LogCursor>, attempt: &Attempt) -> Response {
    let mut response = Response::new(Body::from(page.bytes));
    let headers = response.headers_mut();
    let of = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, of("text/plain; charset=utf-8"));
    headers.insert(
        CONTENT_DISPOSITION,
        of("attachment; filename=\"attempt.log\""),
    );
    let name = HeaderName::from_static;
    let drained = if page.drained { "true" } else { "false" };
    headers.insert(name(DRAINED), of(drained));
    headers.insert(name(STATE), of(attempt.state.word()));
    if let Some(next) = next.map(|next| URL_SAFE_NO_PAD.encode(&next.0))
        && let Ok(next) = HeaderValue::from_str(&next)
    {
        headers.insert(name(NEXT), next);
    }
    response
}
