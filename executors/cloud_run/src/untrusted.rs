//! The readers of what Google answers, by bytes, for whoever feeds them garbage. No part of the interface.

use chrono::{DateTime, Utc};
use noctule_executor::{ExecutorError, LogCursor, Outcome};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use crate::execution::Execution;
use crate::failure::{CallError, Verb};
use crate::indexes::Part;
use crate::log_cursor::Place;
use crate::logs;
use crate::refusal::Refusal;
use crate::verdict::{Verdict, verdict};

/// What the record of an execution is taken for: the word, and the output where it ended.
#[must_use]
pub fn execution(record: &Value) -> Option<(&'static str, Option<Value>)> {
    let execution = Execution::read(record)?;
    Some(match verdict(&execution) {
        Verdict::Queued => ("queued", None),
        Verdict::Running { .. } => ("running", None),
        Verdict::Gone { .. } => ("gone", None),
        Verdict::Doubtful(finished) => ("doubtful", finished.outcome.output().cloned()),
        Verdict::Ended(finished) => match &finished.outcome {
            Outcome::Succeeded { output } => ("succeeded", Some(output.clone())),
            Outcome::Failed { output, .. } => ("failed", output.clone()),
            Outcome::Cancelled { output, .. } => ("cancelled", output.clone()),
        },
    })
}

/// The execution that an answer to a launch is about.
#[must_use]
pub fn operation(answer: &Value) -> Option<String> {
    let execution = Execution::read(answer.get("metadata")?)?;
    Some(execution.short_name().to_owned())
}

/// What an answer that is not 2xx says to the engine about a launch.
#[must_use]
pub fn refusal(
    status: u16,
    header: &[u8],
    body: &[u8],
    now: DateTime<Utc>,
) -> Option<ExecutorError> {
    let status = StatusCode::from_u16(status).ok()?;
    let mut headers = HeaderMap::new();
    if let Ok(header) = HeaderValue::from_bytes(header) {
        headers.insert(RETRY_AFTER, header);
    }
    let refusal = Refusal::read(status, &headers, body, now);
    let error = CallError::Refused {
        call: "POST".to_owned(),
        verb: Verb::Launch,
        refusal,
    };
    Some(error.of_launch())
}

/// The bytes that a page of log entries gives out from a place on, and the place after it.
#[must_use]
pub fn entries(after: &str, page: &Value) -> (Vec<u8>, Option<String>) {
    let mut place = Place::read(&LogCursor(after.to_owned()));
    let mut bytes = Vec::new();
    for entry in page.as_array().into_iter().flatten() {
        logs::give_out(entry, &mut place, &mut bytes);
    }
    let cursor = place.advance().cursor().map(|cursor| cursor.0);
    (bytes, cursor)
}

/// The indexes that are left to run after a failed try.
#[must_use]
pub fn left_to_run(failed_before: &Value, task_count: u64) -> Option<Vec<u64>> {
    Part::after(Some(failed_before), task_count).map(|part| part.indexes)
}
