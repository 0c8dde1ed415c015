//! What containers and the system write: log entries, bounded, in the order of their time.
//!
//! No two entries share a timestamp or an insert id. An execution keeps its first lines; a note
//! stands where the rest would be.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use noctule_simulated::Output;
use serde_json::{Value, json};

use super::{clock::stamp, name::ExecutionName};

/// The most lines kept of one execution.
const MOST_LINES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
    System,
    Audit,
}

impl Stream {
    pub(crate) fn of(output: Output) -> Self {
        match output {
            Output::Stdout => Stream::Stdout,
            Output::Stderr => Stream::Stderr,
        }
    }

    fn log(self) -> &'static str {
        match self {
            Stream::Stdout => "run.googleapis.com%2Fstdout",
            Stream::Stderr => "run.googleapis.com%2Fstderr",
            Stream::System => "run.googleapis.com%2Fvarlog%2Fsystem",
            Stream::Audit => "cloudaudit.googleapis.com%2Fsystem_event",
        }
    }

    fn severity(self) -> Option<&'static str> {
        match self {
            Stream::Stdout => None,
            Stream::Stderr => Some("ERROR"),
            Stream::System => Some("WARNING"),
            Stream::Audit => Some("NOTICE"),
        }
    }
}

/// Who wrote a line.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) execution: ExecutionName,
    pub(crate) task: u32,
    pub(crate) attempt: u32,
}

/// Every entry of every project.
#[derive(Debug, Default)]
pub(crate) struct LogBook {
    entries: Vec<Value>,
    lines: BTreeMap<ExecutionName, usize>,
    last: Option<DateTime<Utc>>,
}

impl LogBook {
    /// Entries with their places in time, oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (u64, &Value)> {
        (0..).zip(&self.entries).collect::<Vec<_>>().into_iter()
    }

    pub(crate) fn write(
        &mut self,
        source: &Source,
        stream: Stream,
        line: &str,
        now: DateTime<Utc>,
    ) {
        let lines = self.lines.entry(source.execution.clone()).or_default();
        *lines += 1;
        match *lines {
            count if count < MOST_LINES => self.append(source, stream, line, now),
            MOST_LINES => self.append(
                source,
                Stream::System,
                "The simulator keeps no more lines of this execution.",
                now,
            ),
            _ => {}
        }
    }

    fn append(&mut self, source: &Source, stream: Stream, line: &str, now: DateTime<Utc>) {
        let time = match self.last {
            Some(last) if last >= now => last + TimeDelta::microseconds(1),
            _ => now,
        };
        self.last = Some(time);
        let mut entry = frame(source, stream, time);
        payload(&mut entry, stream, line);
        self.entries.push(entry);
    }
}

fn frame(source: &Source, stream: Stream, time: DateTime<Utc>) -> Value {
    let (name, place) = (&source.execution, source.execution.place());
    let mut entry = json!({
        "insertId": uuid::Uuid::now_v7().simple().to_string(),
        "logName": format!("projects/{}/logs/{}", place.project, stream.log()),
        "resource": {"type": "cloud_run_job", "labels": {
            "job_name": name.job.job, "location": place.location, "project_id": place.project}},
        "labels": {
            "run.googleapis.com/execution_name": name.execution,
            "run.googleapis.com/task_index": source.task.to_string(),
            "run.googleapis.com/task_attempt": source.attempt.to_string()},
        "timestamp": stamp(time),
        "receiveTimestamp": stamp(time),
    });
    if let Some(severity) = stream.severity() {
        entry["severity"] = json!(severity);
    }
    entry
}

/// Text as it is; a line that is a JSON object becomes the payload, as Cloud Run does.
fn payload(entry: &mut Value, stream: Stream, line: &str) {
    if stream == Stream::Audit {
        let kind = "type.googleapis.com/google.cloud.audit.AuditLog";
        entry["protoPayload"] = json!({"@type": kind, "methodName": line});
        return;
    }
    let parsed = line
        .starts_with('{')
        .then(|| serde_json::from_str::<Value>(line).ok())
        .flatten();
    match parsed {
        Some(Value::Object(mut fields)) => {
            if let Some(Value::String(severity)) = fields.remove("severity") {
                entry["severity"] = json!(severity);
            }
            entry["jsonPayload"] = Value::Object(fields);
        }
        _ => entry["textPayload"] = json!(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::name::{JobName, Place};

    fn source() -> Source {
        let place = Place {
            project: "p".to_owned(),
            location: "l".to_owned(),
        };
        let execution = ExecutionName {
            job: JobName {
                place,
                job: "etl".to_owned(),
            },
            execution: "etl-1".to_owned(),
        };
        Source {
            execution,
            task: 0,
            attempt: 0,
        }
    }

    #[test]
    fn entries_never_share_a_time() {
        let (mut book, now) = (LogBook::default(), Utc::now());
        for line in ["a", "b", "{\"severity\": \"INFO\", \"n\": 1}"] {
            book.write(&source(), Stream::Stdout, line, now);
        }
        let times: Vec<&str> = book
            .entries()
            .filter_map(|(_, entry)| entry["timestamp"].as_str())
            .collect();
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
        let last = book.entries().next_back().unwrap().1;
        assert_eq!(
            (&last["severity"], &last["jsonPayload"]),
            (&json!("INFO"), &json!({"n": 1}))
        );
    }

    #[test]
    fn an_endless_writer_is_cut_off() {
        let mut book = LogBook::default();
        for _ in 0..MOST_LINES + 5 {
            book.write(&source(), Stream::Stdout, "x", Utc::now());
        }
        assert_eq!(book.entries().count(), MOST_LINES);
        assert!(
            book.entries().next_back().unwrap().1["textPayload"]
                .as_str()
                .unwrap()
                .contains("no more lines")
        );
    }
}
