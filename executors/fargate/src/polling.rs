//! Asks about many tasks, once or until one of them has come further.
//!
//! Guarantees: a failed read is never a verdict. A task that is missing is lost only when the launch is minutes old and
//! two looks miss it. One call asks about a hundred tasks, so waiting for more does not ask more often.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use noctule_executor::{ExecutorError, Finished, Outcome, Status};
use tokio::time::{Instant, sleep};

use crate::handle::Handle;
use crate::record::Record;
use crate::session::Session;
use crate::tasks::MOST_DESCRIBED;
use crate::verdict::{Verdict, verdict};

/// The answer about one handle.
type Polled = Result<Status, ExecutorError>;

/// Asks until something has come further or `patience` is over; with no patience, once.
pub(crate) async fn poll(
    session: &Session<'_>,
    handles: &[Handle],
    patience: Duration,
) -> Vec<Polled> {
    let deadline = Instant::now() + patience;
    let pacing = session.pacing();
    let mut pause = pacing.first_pause;
    loop {
        let answers = round(session, handles).await;
        let left = deadline.saturating_duration_since(Instant::now());
        // Where nothing can be read, the engine decides how long to stay away.
        let nothing_read = answers.iter().all(Result::is_err);
        if left.is_zero() || nothing_read || answers.iter().any(has_come_further) {
            return answers;
        }
        let asked = answers.iter().filter_map(wait_asked).max();
        sleep(pause.max(asked.unwrap_or_default()).min(left)).await;
        pause = pause.mul_f32(1.5).min(pacing.longest_pause);
    }
}

fn has_come_further(answer: &Polled) -> bool {
    matches!(
        answer,
        Ok(Status::Finished(_)
            | Status::Lost { .. }
            | Status::Ready { .. }
            | Status::Advanced { .. })
    )
}

fn wait_asked(answer: &Polled) -> Option<Duration> {
    match answer {
        Err(ExecutorError::Throttled { retry_after, .. }) => *retry_after,
        _ => None,
    }
}

/// What one look at a task gave.
enum Look {
    Read(Box<Record>),
    /// Nobody knows it.
    Missing(String),
    Failed(ExecutorError),
}

async fn round(session: &Session<'_>, handles: &[Handle]) -> Vec<Polled> {
    let mut answers: BTreeMap<usize, Polled> = BTreeMap::new();
    let mut clusters: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, handle) in handles.iter().enumerate() {
        match handle.check_place(&session.settings) {
            Ok(()) => clusters.entry(&handle.cluster).or_default().push(index),
            Err(error) => drop(answers.insert(index, Err(error))),
        }
    }
    let mut missing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (cluster, indices) in clusters {
        for (index, look) in look(session, cluster, &indices, handles).await {
            match look {
                Look::Missing(_) if is_old(session, &handles[index]) => {
                    missing.entry(cluster).or_default().push(index);
                }
                look => drop(answers.insert(index, judge(session, &handles[index], look).await)),
            }
        }
    }
    if !missing.is_empty() {
        sleep(session.pacing().second_look).await;
    }
    for (cluster, indices) in missing {
        for (index, look) in look(session, cluster, &indices, handles).await {
            let answer = match look {
                Look::Missing(said) => Ok(lost(&handles[index], &said)),
                look => judge(session, &handles[index], look).await,
            };
            answers.insert(index, answer);
        }
    }
    answers.into_values().collect()
}

fn lost(handle: &Handle, said: &str) -> Status {
    let cluster = &handle.cluster;
    Status::Lost {
        reason: format!(
            "asked twice: ECS does not know task `{}` of cluster `{cluster}`: {said}",
            handle.task_arn
        ),
    }
}

/// Whether a task that is missing was launched so long ago that it must be visible.
pub(crate) fn is_old(session: &Session<'_>, handle: &Handle) -> bool {
    let grace = TimeDelta::from_std(session.pacing().missing_grace).unwrap_or(TimeDelta::MAX);
    Utc::now() - handle.launched_at > grace
}

/// Looks at tasks of one cluster, a hundred a call.
async fn look(
    session: &Session<'_>,
    cluster: &str,
    indices: &[usize],
    handles: &[Handle],
) -> Vec<(usize, Look)> {
    let mut looks = Vec::new();
    for some in indices.chunks(MOST_DESCRIBED) {
        let mut arns: Vec<_> = some
            .iter()
            .map(|index| handles[*index].task_arn.clone())
            .collect();
        arns.sort();
        arns.dedup();
        let answer = session.describe(cluster, &arns, false).await;
        looks.extend(some.iter().map(|index| {
            let arn = &handles[*index].task_arn;
            let look = match &answer {
                Err(error) => Look::Failed(error.of_read()),
                Ok(answer) => look_of(arn, &answer.tasks, &answer.gaps),
            };
            (*index, look)
        }));
    }
    looks
}

fn look_of(arn: &str, tasks: &[Record], gaps: &[crate::tasks::Gap]) -> Look {
    if let Some(record) = tasks.iter().find(|task| task.arn == arn) {
        return Look::Read(Box::new(record.clone()));
    }
    match gaps.iter().find(|gap| gap.arn == arn) {
        None => Look::Missing("the answer leaves it out".to_owned()),
        Some(gap) if gap.reason == "MISSING" => Look::Missing("MISSING".to_owned()),
        Some(gap) => Look::Failed(ExecutorError::unavailable(format!(
            "ecs:DescribeTasks on task `{arn}`: {} {}",
            gap.reason, gap.detail
        ))),
    }
}

async fn judge(session: &Session<'_>, handle: &Handle, look: Look) -> Polled {
    let record = match look {
        Look::Failed(error) => return Err(error),
        // Just launched: reads lag behind.
        Look::Missing(_) => return Ok(Status::Launching),
        Look::Read(record) => record,
    };
    match verdict(&record, &handle.judged) {
        Verdict::Queued => Ok(Status::Launching),
        Verdict::Running { .. } if handle.is_session() => session.readiness(handle, &record).await,
        Verdict::Running { started_at } | Verdict::Stopping { started_at } => Ok(Status::Running {
            started_at,
            poll_after: None,
        }),
        Verdict::Ended(finished) => {
            let outcome = if handle.hold {
                held_end(finished.outcome)
            } else {
                finished.outcome
            };
            Ok(Status::Finished(Finished {
                outcome: session.with_log_tail(handle, &record, outcome).await,
                ..finished
            }))
        }
    }
}

/// Work that is held for others must not end by itself, not even well.
fn held_end(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded { output } => {
            let reason = output["stopped_reason"].as_str().unwrap_or_default();
            let message =
                format!("it ended with exit code 0 while it was held for others: {reason}");
            let message = message.trim_end_matches([' ', ':']).to_owned();
            Outcome::failed(noctule_executor::ErrorClass::User, message, Some(output))
        }
        other => other,
    }
}
