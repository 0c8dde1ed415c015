//! What a task's container wrote, from CloudWatch Logs.
//!
//! Guarantees: in the order of the service, none twice; a page is bounded; a stream that is not there yet is empty and no
//! error. The last lines of failed work go into its message where they can be read in time, and never change the verdict.
//! Facts: the end of a stream is where the forward token repeats; the stream is made with the first line.

use noctule_executor::{ExecutorError, LogCursor, LogPage, Outcome};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::failure::{CallError, Op};
use crate::handle::{Handle, LogPlace};
use crate::record::Record;
use crate::session::Session;
use crate::signed::Wanted;

/// Bytes of one page of ours, by the contract.
const MOST_BYTES: usize = 1024 * 1024;
/// Requests for one page of ours.
const MOST_PAGES: usize = 20;
/// Lines and bytes of the end of a log that stand in a message.
const TAIL: (u32, usize) = (5, 1_000);

/// A page of the log after a cursor.
pub(crate) async fn read(
    session: &Session<'_>,
    handle: &Handle,
    after: Option<&LogCursor>,
) -> Result<LogPage, ExecutorError> {
    handle.check_place(&session.settings)?;
    let Some(place) = &handle.log else {
        return Ok(LogPage::end());
    };
    let mut token = after.map(|cursor| cursor.0.clone());
    let mut bytes = Vec::new();
    for _ in 0..MOST_PAGES {
        let mut asked = json!({ "startFromHead": true });
        if let Some(token) = &token {
            asked["nextToken"] = json!(token);
        }
        let answer = match session.events(place, asked).await {
            Err(error) if error.is_not_found() => return Ok(LogPage::end()),
            answer => answer.map_err(|error| error.of_read())?,
        };
        give_out(&answer, &mut bytes);
        let next = answer["nextForwardToken"].as_str().map(str::to_owned);
        let drained = next.is_none() || next == token;
        token = next.or(token);
        if drained || bytes.len() >= MOST_BYTES {
            return Ok(page(bytes, token, drained));
        }
    }
    Ok(page(bytes, token, false))
}

fn page(bytes: Vec<u8>, token: Option<String>, drained: bool) -> LogPage {
    LogPage {
        bytes,
        next: token.map(LogCursor),
        drained,
    }
}

fn messages(answer: &Value) -> impl Iterator<Item = &str> {
    let events = answer["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["message"].as_str())
}

fn give_out(answer: &Value, bytes: &mut Vec<u8>) {
    for message in messages(answer) {
        // The service gives a megabyte at most; one that gives more is cut, not trusted.
        let room = (2 * MOST_BYTES).saturating_sub(bytes.len());
        bytes.extend(message.bytes().take(room));
        if !message.ends_with('\n') {
            bytes.push(b'\n');
        }
    }
}

impl Session<'_> {
    async fn events(&self, place: &LogPlace, mut asked: Value) -> Result<Value, CallError> {
        asked["logGroupName"] = json!(place.group);
        asked["logStreamName"] = json!(place.stream);
        let stream = format!("stream `{}` of log group `{}`", place.stream, place.group);
        let wanted = Wanted {
            op: Op::new("logs:GetLogEvents", stream),
            service: "logs",
            region: &place.region,
            target: "Logs_20140328.GetLogEvents",
        };
        self.signed(&wanted, &asked).await
    }

    /// A failed outcome with the last lines of the log in its message.
    pub(crate) async fn with_log_tail(
        &self,
        handle: &Handle,
        record: &Record,
        outcome: Outcome,
    ) -> Outcome {
        let Outcome::Failed {
            class,
            message,
            output,
        } = outcome
        else {
            return outcome;
        };
        let (Some(place), Some(_)) = (&handle.log, record.started_at) else {
            return Outcome::failed(class, message, output);
        };
        let message = format!("{message}{}", self.tail(place).await);
        Outcome::failed(class, message, output)
    }

    async fn tail(&self, place: &LogPlace) -> String {
        let asked = json!({ "startFromHead": false, "limit": TAIL.0 });
        match timeout(self.pacing().log_tail, self.events(place, asked)).await {
            Err(_) => "; its log could not be read in time".to_owned(),
            Ok(Err(error)) if error.is_not_found() => "; it wrote no log".to_owned(),
            Ok(Err(error)) => format!("; its log could not be read: {}", error.said()),
            Ok(Ok(answer)) => said_last(&answer),
        }
    }
}

fn said_last(answer: &Value) -> String {
    let lines: Vec<_> = messages(answer).map(str::trim_end).collect();
    let skip = lines.len().saturating_sub(TAIL.0 as usize);
    let text = lines[skip..].join(" | ");
    if text.trim().is_empty() {
        return "; it wrote no log".to_owned();
    }
    let length = text.chars().count();
    let last: String = text.chars().skip(length.saturating_sub(TAIL.1)).collect();
    format!("; last log lines: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_bounded() {
        let event = |text: &str| json!({ "message": text });
        let events: Vec<_> = (0..9).map(|n| event(&format!("line {n}\n"))).collect();
        let said = said_last(&json!({ "events": events }));
        assert_eq!(
            said,
            "; last log lines: line 4 | line 5 | line 6 | line 7 | line 8"
        );
        let said = said_last(&json!({ "events": [event(&"é".repeat(5_000))] }));
        assert_eq!(said.chars().count(), TAIL.1 + "; last log lines: ".len());
        assert_eq!(said_last(&json!({ "events": [] })), "; it wrote no log");
    }

    #[test]
    fn lines_end_once() {
        let mut bytes = Vec::new();
        give_out(
            &json!({ "events": [{ "message": "a" }, { "message": "b\n" }] }),
            &mut bytes,
        );
        assert_eq!(bytes, b"a\nb\n");
    }
}
