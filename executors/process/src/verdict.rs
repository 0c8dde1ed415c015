//! From the end of a command to the outcome of an attempt: exit code, signal, and the output file.

use chrono::{DateTime, Utc};
use noctule_executor::{ErrorClass, Finished, Outcome, Status};
use serde_json::{Map, Value, json};

use crate::files::{Files, OUTPUT};
use crate::record::{Exit, Start};

/// The longest output that is read.
const OUTPUT_LIMIT: u64 = 1024 * 1024;

/// The status of a command that has ended.
pub(crate) fn finished(files: &Files, start: &Start, exit: &Exit) -> Status {
    Status::Finished(Finished {
        outcome: outcome(files, exit),
        started_at: time(start.started_at),
        ended_at: time(exit.ended_at),
    })
}

/// The status of a command whose end nobody saw: never success.
pub(crate) fn unseen(start: &Start, message: &str) -> Status {
    Status::Finished(Finished {
        outcome: Outcome::failed(ErrorClass::Unknown, message, None),
        started_at: time(start.started_at),
        ended_at: None,
    })
}

pub(crate) fn time(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

fn outcome(files: &Files, exit: &Exit) -> Outcome {
    let Some(ending) = Ending::of(exit) else {
        let message =
            "the command ended while no supervisor watched it: its exit code is not known";
        return Outcome::failed(ErrorClass::Unknown, message, None);
    };
    let written = read_output(files);
    let output = merged(&written, &ending);
    if exit.cancelled {
        let output = Some(output);
        return Outcome::Cancelled { by: None, output };
    }
    match (ending.code, written) {
        (0, Ok(_)) => Outcome::Succeeded { output },
        (0, Err(problem)) => Outcome::failed(ErrorClass::User, problem, Some(output)),
        _ => Outcome::failed(ErrorClass::User, ending.message(), Some(output)),
    }
}

/// How a command ended, when it was seen.
struct Ending {
    code: i32,
    signal: Option<i32>,
}

impl Ending {
    fn of(exit: &Exit) -> Option<Self> {
        let signal = exit.signal;
        // As a shell says it: 137 for a command killed by signal 9.
        let code = exit.code.or(signal.map(|signal| 128 + signal))?;
        Some(Self { code, signal })
    }

    fn message(&self) -> String {
        match self.signal {
            Some(signal) => format!("killed by signal {signal}"),
            None => format!("exit code {}", self.code),
        }
    }

    fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        facts.insert("exit_code".to_owned(), json!(self.code));
        if let Some(signal) = self.signal {
            facts.insert("signal".to_owned(), json!(signal));
        }
        facts
    }
}

/// The command's own output; the exit code is added to an object that does not say otherwise.
fn merged(written: &Result<Option<Value>, String>, ending: &Ending) -> Value {
    let facts = ending.facts();
    match written {
        Ok(Some(Value::Object(own))) => {
            let mut all = facts;
            all.extend(own.clone());
            Value::Object(all)
        }
        Ok(Some(other)) => other.clone(),
        Ok(None) | Err(_) => Value::Object(facts),
    }
}

/// The output file, or what is wrong with it.
fn read_output(files: &Files) -> Result<Option<Value>, String> {
    let bytes = files
        .read(OUTPUT, OUTPUT_LIMIT)
        .map_err(|error| format!("the output file (NOCTULE_OUTPUT) cannot be used: {error}"))?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| format!("the output file (NOCTULE_OUTPUT) is not JSON: {error}"))
}
