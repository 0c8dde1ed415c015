//! What the containers of an execution wrote, from Cloud Logging.
//!
//! Guarantees: in the order of timestamps, late entries within the overlap included, none twice; a page is bounded.
//! Text is given as it was written; structured entries as one line of JSON.
//! Facts: the filter of an execution's entries; entries may be empty with a page token set: go on.

use chrono::{DateTime, SecondsFormat, Utc};
use noctule_executor::{ExecutorError, LogCursor, LogPage};
use serde_json::{Value, json};

use crate::failure::Verb;
use crate::handle::Handle;
use crate::lenient;
use crate::log_cursor::Place;
use crate::session::Session;
use crate::transport::Wire;

/// Entries of one page, the most that the service gives.
const PAGE: u32 = 1_000;
/// Bytes of one page of ours, by the contract.
const MOST_BYTES: usize = 1024 * 1024;
/// Requests for one page of ours.
const MOST_PAGES: usize = 20;

/// Why the reading stopped.
enum Stop {
    Drained,
    Full,
    /// Many pages without an entry: the service goes on from its token.
    Searching(String),
}

/// A page of the log after a cursor.
pub(crate) async fn read(
    session: &Session<'_>,
    handle: &Handle,
    after: Option<&LogCursor>,
) -> Result<LogPage, ExecutorError> {
    let short = handle.short_name(&session.settings)?;
    let mut place = after.map_or_else(
        || Place {
            since: handle.created_at,
            ..Place::default()
        },
        Place::read,
    );
    let mut bytes = Vec::new();
    let stop = read_into(session, handle, short, &mut place, &mut bytes).await?;
    let drained = matches!(stop, Stop::Drained);
    let place = match stop {
        Stop::Searching(token) => Place {
            token: Some(token),
            ..place
        },
        Stop::Drained | Stop::Full => place.advance(),
    };
    Ok(LogPage {
        bytes,
        next: place.cursor(),
        drained,
    })
}

async fn read_into(
    session: &Session<'_>,
    handle: &Handle,
    short: &str,
    place: &mut Place,
    bytes: &mut Vec<u8>,
) -> Result<Stop, ExecutorError> {
    let filter = filter(handle, short, place.since);
    let url = format!("{}/v2/entries:list", session.settings.logging_endpoint);
    let mut token = place.token.take();
    for _ in 0..MOST_PAGES {
        let body = json!({
            "resourceNames": [format!("projects/{}", handle.project)],
            "filter": filter,
            "orderBy": "timestamp asc",
            "pageSize": PAGE,
            "pageToken": token.unwrap_or_default(),
        });
        let wire = Wire::post(Verb::ReadLogs, url.clone(), body.to_string().into_bytes());
        let answer = session.json(&wire).await.map_err(|error| error.of_read())?;
        for entry in lenient::list(&answer, "entries") {
            if bytes.len() >= MOST_BYTES {
                return Ok(Stop::Full);
            }
            give_out(entry, place, bytes);
        }
        match lenient::text(&answer, "nextPageToken") {
            None => return Ok(Stop::Drained),
            next => token = next,
        }
    }
    Ok(match token {
        Some(token) if bytes.is_empty() => Stop::Searching(token),
        _ => Stop::Full,
    })
}

/// Appends an entry that was not given out before.
pub(crate) fn give_out(entry: &Value, place: &mut Place, bytes: &mut Vec<u8>) {
    let Some(line) = line(entry) else {
        return;
    };
    let written =
        lenient::time(entry, "timestamp").or_else(|| lenient::time(entry, "receiveTimestamp"));
    if let Some(at) = written {
        let id =
            lenient::text(entry, "insertId").unwrap_or_else(|| line.chars().take(64).collect());
        if !place.seen.insert((at, id)) {
            return;
        }
    }
    // One entry may be 256 KiB; a service that gives more is cut, not trusted.
    let room = (2 * MOST_BYTES).saturating_sub(bytes.len());
    bytes.extend(line.bytes().take(room));
    if !line.ends_with('\n') {
        bytes.push(b'\n');
    }
}

fn line(entry: &Value) -> Option<String> {
    if let Some(text) = entry.get("textPayload").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let structured = entry
        .get("jsonPayload")
        .or_else(|| entry.get("protoPayload"));
    structured.map(Value::to_string)
}

fn filter(handle: &Handle, short: &str, since: Option<DateTime<Utc>>) -> String {
    let mut filter = format!(
        "resource.type=\"cloud_run_job\" resource.labels.job_name=\"{}\" resource.labels.location=\"{}\" \
         labels.\"run.googleapis.com/execution_name\"=\"{short}\"",
        handle.job, handle.region
    );
    if let Some(since) = since {
        let since = since.to_rfc3339_opts(SecondsFormat::Nanos, true);
        filter.push_str(&format!(" timestamp>=\"{since}\""));
    }
    filter.push_str(" NOT logName:\"cloudaudit.googleapis.com\"");
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_kind_of_entry() {
        assert_eq!(
            line(&json!({ "textPayload": "a\tb" })).as_deref(),
            Some("a\tb")
        );
        assert_eq!(
            line(&json!({ "jsonPayload": { "b": 1, "a": [2] } })).as_deref(),
            Some(r#"{"a":[2],"b":1}"#)
        );
        assert_eq!(line(&json!({ "insertId": "x" })), None);
    }

    #[test]
    fn an_entry_is_given_out_once() {
        let mut place = Place::default();
        let mut bytes = Vec::new();
        let entry = |id: &str, text: &str| json!({ "insertId": id, "timestamp": "2026-01-13T12:00:00Z", "textPayload": text });
        for entry in [entry("a", "one"), entry("b", "one\n"), entry("a", "one")] {
            give_out(&entry, &mut place, &mut bytes);
        }
        assert_eq!(bytes, b"one\none\n");
    }
}
