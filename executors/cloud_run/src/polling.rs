//! Asks about many executions, once or until one of them has ended.
//!
//! Guarantees: a failed read is never a verdict. What looks lost, or contradicts itself, is asked again by name before
//! it counts. A backend in trouble is asked no more often for having many executions.
//! Facts: executions.get is the truth, the operation can vanish; one list answers for a whole job or region.

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_executor::{ExecutorError, Status};
use tokio::time::{Instant, sleep};

use crate::execution::Execution;
use crate::failure::CallError;
use crate::handle::Handle;
use crate::listing::Asked;
use crate::session::Session;
use crate::verdict::{Verdict, verdict};

/// The answer about one handle.
type Answer = Result<Status, ExecutorError>;

/// Asks until something has ended or `patience` is over; with no patience, once.
pub(crate) async fn poll(
    session: &Session<'_>,
    handles: &[Handle],
    patience: Duration,
) -> Vec<Answer> {
    let deadline = Instant::now() + patience;
    let mut pause = session.pacing.first_pause;
    loop {
        let answers = round(session, handles).await;
        let left = deadline.saturating_duration_since(Instant::now());
        // Where nothing can be read, the engine decides how long to stay away.
        let nothing_read = answers.iter().all(Result::is_err);
        if left.is_zero() || nothing_read || answers.iter().any(has_ended) {
            return answers;
        }
        let asked = answers.iter().filter_map(wait_asked).max();
        sleep(pause.max(asked.unwrap_or_default()).min(left)).await;
        pause = pause.mul_f32(1.5).min(session.pacing.longest_pause);
    }
}

fn has_ended(answer: &Answer) -> bool {
    matches!(answer, Ok(Status::Finished(_) | Status::Lost { .. }))
}

fn wait_asked(answer: &Answer) -> Option<Duration> {
    match answer {
        Err(ExecutorError::Throttled { retry_after, .. }) => *retry_after,
        _ => None,
    }
}

/// What one reading gave.
enum Reading {
    Clear(Answer),
    /// It counts only when it is seen a second time.
    Doubtful,
}

async fn round(session: &Session<'_>, handles: &[Handle]) -> Vec<Answer> {
    let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
    let mut asked = Vec::new();
    for (index, handle) in handles.iter().enumerate() {
        match handle.short_name(&session.settings) {
            Ok(short) => asked.push(Asked {
                index,
                handle,
                short,
            }),
            Err(error) => drop(answers.insert(index, Err(error))),
        }
    }
    let mut doubtful = Vec::new();
    for (asked, read) in session.read_many(asked).await {
        let index = asked.index;
        match first_look(session, &asked, read).await {
            Reading::Clear(answer) => drop(answers.insert(index, answer)),
            Reading::Doubtful => doubtful.push(asked),
        }
    }
    if !doubtful.is_empty() {
        sleep(session.pacing.second_look).await;
        for (asked, read) in session.read_each(doubtful).await {
            answers.insert(asked.index, second_look(session, &asked, read).await);
        }
    }
    answers.into_values().collect()
}

async fn first_look(
    session: &Session<'_>,
    asked: &Asked<'_>,
    read: Result<Execution, CallError>,
) -> Reading {
    match read {
        Err(error) if error.is_not_found() => Reading::Doubtful,
        Err(error) => Reading::Clear(Err(error.of_read())),
        Ok(execution) if !is_ours(asked.handle, &execution) => Reading::Doubtful,
        Ok(execution) => match verdict(&execution) {
            Verdict::Doubtful(_) => Reading::Doubtful,
            clear => Reading::Clear(Ok(status(session, asked, clear).await)),
        },
    }
}

async fn second_look(
    session: &Session<'_>,
    asked: &Asked<'_>,
    read: Result<Execution, CallError>,
) -> Answer {
    match read {
        Err(error) if error.is_not_found() => Ok(Status::Lost {
            reason: format!("asked twice: {error}"),
        }),
        Err(error) => Err(error.of_read()),
        Ok(execution) if !is_ours(asked.handle, &execution) => Ok(Status::Lost {
            reason: format!(
                "asked twice: `{}` is an execution with another key by now",
                execution.name
            ),
        }),
        Ok(execution) => Ok(status(session, asked, verdict(&execution)).await),
    }
}

/// A name that was given again belongs to other work, whose end is not ours.
fn is_ours(handle: &Handle, execution: &Execution) -> bool {
    let other_uid = handle.uid.is_some() && execution.uid.is_some() && handle.uid != execution.uid;
    let other_key = !execution.keys.is_empty() && !execution.carries(handle.key.as_str());
    !other_uid && !other_key
}

async fn status(session: &Session<'_>, asked: &Asked<'_>, verdict: Verdict) -> Status {
    match verdict {
        Verdict::Queued => Status::Launching,
        Verdict::Running { started_at } => Status::Running {
            started_at,
            poll_after: None,
        },
        Verdict::Gone { reason } => Status::Lost { reason },
        Verdict::Ended(finished) | Verdict::Doubtful(finished) => {
            Status::Finished(session.explained(asked, finished).await)
        }
    }
}
