//! The verdict over what ECS says of a task, for whoever feeds it garbage. No part of the interface.

use chrono::DateTime;
use noctule_executor::Outcome;

use crate::record::{ContainerRecord, Record};
use crate::verdict::{Verdict, verdict};

/// What ECS says of a task, as far as its end goes.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// `lastStatus`.
    pub last_status: String,
    /// `stopCode`.
    pub stop_code: Option<String>,
    /// `stoppedReason`.
    pub stopped_reason: Option<String>,
    /// Whether there is a `startedAt`.
    pub started: bool,
    /// The containers, with their exit codes.
    pub containers: Vec<(String, Option<i32>)>,
}

/// What it is taken for, where these containers are judged.
#[must_use]
pub fn taken_for(told: &Told, judged: &[String]) -> &'static str {
    let container = |(name, exit_code): &(String, Option<i32>)| ContainerRecord {
        name: name.clone(),
        exit_code: *exit_code,
        reason: None,
    };
    let record = Record {
        arn: "arn:aws:ecs:eu-west-1:1:task/c/1".to_owned(),
        last_status: told.last_status.clone(),
        stop_code: told.stop_code.clone(),
        stopped_reason: told.stopped_reason.clone(),
        started_at: told.started.then_some(DateTime::UNIX_EPOCH),
        containers: told.containers.iter().map(container).collect(),
        ..Record::default()
    };
    match verdict(&record, judged) {
        Verdict::Queued => "queued",
        Verdict::Running { .. } => "running",
        Verdict::Stopping { .. } => "stopping",
        Verdict::Ended(finished) => match finished.outcome {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Failed { .. } => "failed",
            Outcome::Cancelled { .. } => "cancelled",
        },
    }
}
