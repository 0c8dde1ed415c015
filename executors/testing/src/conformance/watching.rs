//! Rules about seeing the end: verdicts, many handles at once, patience, logs.

use std::time::Duration;

use serde_json::Value;

use noctule_executor::{ExecutorError, Outcome, Status};

use super::Judgement::{Kept, Skipped};
use super::describing::whole_log;
use super::probe::{Probe, Ruling, expect_same};
use super::{Case, Expected};

/// A poll that ends before this has not waited for `long` work.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);
const SHORT_PATIENCE: Duration = Duration::from_millis(50);

/// A handle that went through the store serves executor values that never saw the launch.
pub(super) async fn a_handle_serves_another_process(probe: &Probe<'_>) -> Ruling {
    let handle = probe.launch_with(probe.subject.succeeds()).await?;
    match probe.end(&handle).await?.outcome {
        Outcome::Succeeded { .. } => Ok(Kept),
        other => Err(format!("work that succeeds ended as {other:?}")),
    }
}

/// Every configuration of the table comes to its end.
pub(super) async fn verdicts_are_right(probe: &Probe<'_>) -> Ruling {
    let mut cases = vec![Case::new(
        "work that succeeds",
        probe.subject.succeeds(),
        Expected::Succeeded,
    )];
    cases.extend(probe.subject.verdicts());
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(how) = verdict(probe, &case).await {
            wrong.push(format!("{}: {how}", case.name));
        }
    }
    if wrong.is_empty() {
        return Ok(Kept);
    }
    Err(wrong.join("; "))
}

async fn verdict(probe: &Probe<'_>, case: &Case) -> Result<(), String> {
    if matches!(case.expected, Expected::Rejected(_)) {
        return Ok(());
    }
    let handle = probe.launch_with(case.with.clone()).await?;
    let outcome = probe.end(&handle).await?.outcome;
    let as_expected = match (&outcome, case.expected) {
        (Outcome::Succeeded { .. }, Expected::Succeeded)
        | (Outcome::Cancelled { .. }, Expected::Cancelled) => true,
        (Outcome::Failed { class, .. }, Expected::Failed(wanted)) => *class == wanted,
        _ => false,
    };
    if as_expected {
        return Ok(());
    }
    Err(format!("expected {:?}, got {outcome:?}", case.expected))
}

/// Asked again, an end is the same end.
pub(super) async fn an_end_stays_the_same(probe: &Probe<'_>) -> Ruling {
    let handle = probe.launch_with(probe.subject.succeeds()).await?;
    let first = probe.end(&handle).await?;
    let second = probe.end(&handle).await?;
    expect_same(&first.outcome, &second.outcome)?;
    Ok(Kept)
}

async fn long_and_ended(probe: &Probe<'_>) -> Result<Option<(Value, Value)>, String> {
    let Some(with) = probe.long_work() else {
        return Ok(None);
    };
    let ended = probe.launch_with(probe.subject.succeeds()).await?;
    probe.end(&ended).await?;
    let long = probe.launch_with(with).await?;
    Ok(Some((long, ended)))
}

/// The answers of a batch stand where their handles stood.
pub(super) async fn poll_answers_in_input_order(probe: &Probe<'_>) -> Ruling {
    let Some((long, ended)) = long_and_ended(probe).await? else {
        return Ok(Skipped("no long work"));
    };
    let forward = [long.clone(), ended.clone(), long.clone()];
    let backward = [ended, long.clone()];
    let judged = async {
        in_order(probe, &forward, &[false, true, false]).await?;
        in_order(probe, &backward, &[true, false]).await
    }
    .await;
    probe.clean_up(&long).await;
    judged.map(|()| Kept)
}

async fn in_order(probe: &Probe<'_>, handles: &[Value], ended: &[bool]) -> Result<(), String> {
    let answers = probe.poll(handles, SHORT_PATIENCE).await?;
    for (index, (answer, ended)) in answers.iter().zip(ended).enumerate() {
        let fits = match answer {
            Ok(Status::Finished(_)) => *ended,
            Ok(Status::Launching | Status::Running { .. }) => !ended,
            Ok(
                Status::Lost { .. }
                | Status::Ready { .. }
                | Status::Advanced { .. }
                | Status::Elsewhere { .. },
            )
            | Err(_) => false,
        };
        if !fits {
            return Err(format!(
                "answer {index} belongs to another handle, or is wrong: {answer:?}"
            ));
        }
    }
    Ok(())
}

/// One end is enough for the poll of a batch to return.
pub(super) async fn poll_returns_when_any_has_finished(probe: &Probe<'_>) -> Ruling {
    let Some(with) = probe.long_work() else {
        return Ok(Skipped("no long work"));
    };
    let long = probe.launch_with(with).await?;
    let soon = probe.launch_with(probe.subject.succeeds()).await?;
    let batch = [long.clone(), soon];
    let waiting = async {
        loop {
            let answers = probe.poll(&batch, LONG_PATIENCE).await?;
            if matches!(answers.get(1), Some(Ok(Status::Finished(_)))) {
                return Ok(Kept);
            }
            tokio::time::sleep(SHORT_PATIENCE).await;
        }
    };
    // Half of the rule's own limit, so that the long work can still be stopped.
    let limit = probe.subject.limit() / 2;
    let judged = tokio::time::timeout(limit, waiting).await;
    probe.clean_up(&long).await;
    judged.unwrap_or_else(|_| Err("`poll` went on waiting though one had finished".to_owned()))
}

/// A poll of work that goes on comes back when its patience ends.
pub(super) async fn poll_ends_with_its_patience(probe: &Probe<'_>) -> Ruling {
    let Some(with) = probe.long_work() else {
        return Ok(Skipped("no long work"));
    };
    let long = probe.launch_with(with).await?;
    let limit = probe.subject.limit() / 2;
    let answer = tokio::time::timeout(limit, probe.poll_one(&long, SHORT_PATIENCE)).await;
    probe.clean_up(&long).await;
    match answer {
        Err(_) => Err("`poll` outlasted its patience".to_owned()),
        Ok(Err(how)) => Err(how),
        Ok(Ok(Ok(Status::Launching | Status::Running { .. }))) => Ok(Kept),
        Ok(Ok(other)) => Err(format!("long work is not running: {other:?}")),
    }
}

/// A failed poll says nothing about the work, and the next one tells the truth.
pub(super) async fn poll_errors_are_no_verdicts(probe: &Probe<'_>) -> Ruling {
    let handle = probe.launch_with(probe.subject.succeeds()).await?;
    if !probe.subject.fail_next_poll().await {
        return Ok(Skipped("the subject cannot fail a poll"));
    }
    match probe.poll_one(&handle, SHORT_PATIENCE).await? {
        Err(ExecutorError::Unavailable { .. } | ExecutorError::Throttled { .. })
        | Ok(Status::Launching | Status::Running { .. }) => {}
        other => return Err(format!("a failed poll became a verdict: {other:?}")),
    }
    match probe.end(&handle).await?.outcome {
        Outcome::Succeeded { .. } => Ok(Kept),
        other => Err(format!("after a failed poll the work ended as {other:?}")),
    }
}

/// A poll that is given up half-way leaves the work alone.
pub(super) async fn a_dropped_poll_harms_nothing(probe: &Probe<'_>) -> Ruling {
    let Some(with) = probe.long_work() else {
        return Ok(Skipped("no long work"));
    };
    let long = probe.launch_with(with).await?;
    drop(tokio::time::timeout(SHORT_PATIENCE, probe.poll_one(&long, LONG_PATIENCE)).await);
    let judged = probe.running(&long).await;
    probe.clean_up(&long).await;
    judged.map(|()| Kept)
}

/// The log can be read after the end, by anybody, and twice.
pub(super) async fn logs_are_complete_after_the_end(probe: &Probe<'_>) -> Ruling {
    if !probe.capabilities().logs {
        return Ok(Skipped("no logs"));
    }
    let Some((with, wanted)) = probe.subject.writes_log() else {
        return Ok(Skipped("no work that writes a log"));
    };
    let handle = probe.launch_with(with).await?;
    probe.end(&handle).await?;
    for _ in 0..2 {
        let log = whole_log(probe, &handle).await?;
        if !log.contains(wanted.trim_end()) {
            return Err(format!("`{wanted}` is missing in the log `{log}`"));
        }
    }
    Ok(Kept)
}

/// Forgetting leftovers twice is harmless.
pub(super) async fn release_may_be_repeated(probe: &Probe<'_>) -> Ruling {
    let handle = probe.launch_with(probe.subject.succeeds()).await?;
    probe.end(&handle).await?;
    for _ in 0..2 {
        probe
            .executor()
            .release(&probe.context, &handle)
            .await
            .map_err(|error| format!("`release` failed: {error}"))?;
    }
    Ok(Kept)
}
