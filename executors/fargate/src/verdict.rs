//! What a task's record means. The one place that decides how remote work ended.
//!
//! Guarantees: pure. Nothing but STOPPED is an end. Success needs an exit code 0 of every judged container and an end
//! that nobody and nothing outside brought about; a task that failed to start is never a success, whatever its exit
//! codes say, and an exit code that is absent is not 0. Containers that are not judged (sidecars, stopped with 143 or
//! 137 when the essential one ended) never count.

use chrono::{DateTime, Utc};
use noctule_executor::{ErrorClass, Finished, Outcome};
use serde_json::{Value, json};

use crate::record::{ContainerRecord, Record};

/// The meaning of one reading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Accepted, not begun.
    Queued,
    /// At work.
    Running { started_at: Option<DateTime<Utc>> },
    /// Ending; how, is known when it has stopped.
    Stopping { started_at: Option<DateTime<Utc>> },
    /// It ended.
    Ended(Finished),
}

/// Reads the record. `judged` are the named container, else the essential ones; empty means every container.
pub(crate) fn verdict(record: &Record, judged: &[String]) -> Verdict {
    let started_at = record.started_at;
    match record.last_status.as_str() {
        "STOPPED" | "DELETED" => Verdict::Ended(Finished {
            outcome: outcome(record, judged),
            started_at,
            ended_at: record.stopped_at,
        }),
        "RUNNING" => Verdict::Running { started_at },
        "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" => Verdict::Stopping { started_at },
        // PROVISIONING, PENDING, ACTIVATING, and what ECS may add.
        _ => Verdict::Queued,
    }
}

fn outcome(record: &Record, judged: &[String]) -> Outcome {
    let containers = judged_of(record, judged);
    let code = exit_code(&containers).filter(|code| *code != 0 || !missing(record, judged));
    let output = output(record, code);
    let failed = |class| {
        let message = message(record, &containers);
        Outcome::failed(class, message, Some(output.clone()))
    };
    match record.stop_code.as_deref() {
        Some("TaskFailedToStart") => failed(class_of_start(record)),
        Some("UserInitiated") => Outcome::Cancelled {
            by: record.stopped_reason.clone(),
            output: Some(output),
        },
        Some("ServiceSchedulerInitiated") => Outcome::Cancelled {
            by: Some("the service scheduler".to_owned()),
            output: Some(output),
        },
        Some("SpotInterruption" | "TerminationNotice" | "InfrastructureHealth") => {
            failed(ErrorClass::Infrastructure)
        }
        Some("EssentialContainerExited") | None if code == Some(0) => Outcome::Succeeded { output },
        // A word that we do not know may mean anything but a success.
        Some(_) if code == Some(0) => failed(ErrorClass::Unknown),
        _ if code.is_none() && record.started_at.is_none() => failed(class_of_start(record)),
        _ if code.is_none() && missing(record, judged) => failed(ErrorClass::Unknown),
        _ => failed(ErrorClass::User),
    }
}

/// The records of the judged containers.
fn judged_of<'r>(record: &'r Record, judged: &[String]) -> Vec<&'r ContainerRecord> {
    let counts =
        |container: &&ContainerRecord| judged.is_empty() || judged.contains(&container.name);
    record.containers.iter().filter(counts).collect()
}

/// Whether a judged container has no record at all.
fn missing(record: &Record, judged: &[String]) -> bool {
    let known = |name: &String| record.containers.iter().any(|c| c.name == *name);
    record.containers.is_empty() || !judged.iter().all(known)
}

/// 0 when every judged container says 0, the first other code, or none where one of them says nothing.
fn exit_code(containers: &[&ContainerRecord]) -> Option<i32> {
    let failed = containers.iter().filter_map(|c| c.exit_code);
    if let Some(code) = failed.clone().find(|code| *code != 0) {
        return Some(code);
    }
    let all_said = !containers.is_empty() && failed.count() == containers.len();
    all_said.then_some(0)
}

/// Every text that says why, for the words in it.
fn reasons(record: &Record) -> String {
    let of_containers = record.containers.iter().filter_map(|c| c.reason.as_deref());
    let all = record
        .stopped_reason
        .as_deref()
        .into_iter()
        .chain(of_containers);
    all.collect::<Vec<_>>().join("; ")
}

/// Why a task did not start: an image or a right that is not there stays so, all else may pass.
fn class_of_start(record: &Record) -> ErrorClass {
    let said = reasons(record).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let transient = says(&[
        "timeout",
        "timed out",
        "i/o timeout",
        "connection reset",
        "toomanyrequests",
        "429",
    ]);
    let denied = says(&[
        "accessdenied",
        "access denied",
        "is not authorized to perform",
        "denied: user",
    ]);
    let pull = says(&["cannotpull"]);
    let absent = says(&[
        "not found",
        "manifest unknown",
        "does not exist",
        "repository name",
        "invalid reference format",
        "image manifest does not contain descriptor matching platform",
    ]);
    match () {
        () if transient => ErrorClass::NeverStarted,
        () if denied => ErrorClass::Permission,
        () if pull && absent => ErrorClass::Config,
        () => ErrorClass::NeverStarted,
    }
}

/// One line: the exit, and what ECS says.
fn message(record: &Record, containers: &[&ContainerRecord]) -> String {
    let mut parts: Vec<String> = containers.iter().filter_map(|c| exit_of(c)).collect();
    parts.extend(record.stop_code.iter().cloned());
    if let Some(reason) = &record.stopped_reason {
        parts.push(reason.clone());
    }
    if parts.is_empty() {
        parts.push("it stopped, and ECS does not say why".to_owned());
    }
    format!("task `{}`: {}", record.id(), parts.join("; "))
}

fn exit_of(container: &ContainerRecord) -> Option<String> {
    let name = &container.name;
    let end = match container.exit_code {
        Some(0) => return None,
        Some(137) => format!("container `{name}` exited with 137 (killed)"),
        Some(code) => format!("container `{name}` exited with {code}"),
        None => format!("container `{name}` has no exit code"),
    };
    Some(match &container.reason {
        Some(reason) => format!("{end}: {reason}"),
        None => end,
    })
}

/// What dependants see.
pub(crate) fn output(record: &Record, exit_code: Option<i32>) -> Value {
    let container = |c: &ContainerRecord| json!({ "name": c.name, "exit_code": c.exit_code, "reason": c.reason });
    json!({
        "exit_code": exit_code,
        "task_arn": record.arn,
        "task_definition": record.definition,
        "stop_code": record.stop_code,
        "stopped_reason": record.stopped_reason,
        "containers": record.containers.iter().map(container).collect::<Vec<_>>(),
        "capacity_provider": record.capacity_provider,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "stopped_at": record.stopped_at,
    })
}

#[cfg(test)]
#[path = "verdict_table.rs"]
mod table;
