//! Rules about starting work: once for a key, whatever is lost on the way.

use serde_json::Value;

use noctule_executor::{Attempt, ErrorClass, ExecutorError, Recovery};

use super::Expected;
use super::Judgement::{Kept, Skipped};
use super::probe::{Probe, Ruling};

fn unfit(probe: &Probe<'_>) -> Option<&'static str> {
    if probe.capabilities().sensor {
        return Some("a sensor starts nothing");
    }
    if probe.is_attached(&probe.subject.succeeds()) {
        return Some("attached work cannot be found again");
    }
    None
}

fn resent(attempt: &Attempt<Value>) -> Attempt<Value> {
    let mut again = attempt.clone();
    again.sends += 1;
    again
}

/// Launching again with one key gives the same work, or says that nobody knows.
pub(super) async fn launch_twice_is_one_work(probe: &Probe<'_>) -> Ruling {
    if let Some(why) = unfit(probe) {
        return Ok(Skipped(why));
    }
    if probe.recovery() == Recovery::Never {
        return Ok(Skipped("nothing is ever sent again under one key"));
    }
    let attempt = probe.attempt(probe.subject.succeeds());
    let first = probe.launch(&attempt).await?;
    let second = match probe.try_launch(&resent(&attempt)).await? {
        Ok(handle) => handle,
        Err(ExecutorError::Unknown { .. }) => first.clone(),
        Err(error) => return Err(format!("the second launch failed: {error}")),
    };
    let executor = probe.executor();
    let (one, two) = (
        executor.public_handle(&first),
        executor.public_handle(&second),
    );
    if one != two {
        return Err(format!("two launches gave two works: {one} and {two}"));
    }
    probe.end(&second).await?;
    probe.expect_works(&attempt.key, 1).await?;
    Ok(Kept)
}

/// When the answer is lost, the executor must not say that nothing was started.
pub(super) async fn a_lost_answer_is_unknown(probe: &Probe<'_>) -> Ruling {
    if probe.capabilities().sensor {
        return Ok(Skipped("a sensor starts nothing"));
    }
    if !probe.subject.lose_next_answer().await {
        return Ok(Skipped("the subject cannot lose an answer"));
    }
    let attempt = probe.attempt(probe.subject.succeeds());
    match probe.try_launch(&attempt).await? {
        Err(ExecutorError::Unknown { .. }) => Ok(Kept),
        Err(error) => Err(format!("a lost answer became a definite error: {error:?}")),
        Ok(_) => Err("a lost answer gave a handle".to_owned()),
    }
}

/// Work whose answer was lost is found by its key, or met again by a resend.
pub(super) async fn lost_work_is_found(probe: &Probe<'_>) -> Ruling {
    if let Some(why) = unfit(probe) {
        return Ok(Skipped(why));
    }
    let recovery = probe.recovery();
    if recovery == Recovery::Never {
        return Ok(Skipped("nobody can tell: recovery is `never`"));
    }
    if !probe.subject.lose_next_answer().await {
        return Ok(Skipped("the subject cannot lose an answer"));
    }
    let attempt = probe.attempt(probe.subject.succeeds());
    drop(probe.try_launch(&attempt).await?);
    let handle = match recovery {
        Recovery::Search { .. } => probe
            .search(&attempt)
            .await?
            .ok_or("`adopt` did not find the work within the search")?,
        Recovery::Resend | Recovery::Never => probe.launch(&resent(&attempt)).await?,
    };
    probe.end(&handle).await?;
    probe.expect_works(&attempt.key, 1).await?;
    Ok(Kept)
}

fn searches(probe: &Probe<'_>) -> Result<(), &'static str> {
    if let Some(why) = unfit(probe) {
        return Err(why);
    }
    match probe.recovery() {
        Recovery::Search { .. } => Ok(()),
        Recovery::Resend | Recovery::Never => Err("recovery is no search"),
    }
}

/// `adopt` finds work that runs.
pub(super) async fn adopt_finds_running_work(probe: &Probe<'_>) -> Ruling {
    if let Err(why) = searches(probe) {
        return Ok(Skipped(why));
    }
    let Some(with) = probe.long_work() else {
        return Ok(Skipped("no long work"));
    };
    let attempt = probe.attempt(with);
    let launched = probe.launch(&attempt).await?;
    let found = probe.search(&attempt).await;
    probe.clean_up(&launched).await;
    same_work(probe, &launched, found?)
}

/// `adopt` finds work that has ended before anybody looked.
pub(super) async fn adopt_finds_finished_work(probe: &Probe<'_>) -> Ruling {
    if let Err(why) = searches(probe) {
        return Ok(Skipped(why));
    }
    let attempt = probe.attempt(probe.subject.succeeds());
    let launched = probe.launch(&attempt).await?;
    probe.end(&launched).await?;
    let found = probe.search(&attempt).await?;
    same_work(probe, &launched, found)
}

fn same_work(probe: &Probe<'_>, launched: &Value, found: Option<Value>) -> Ruling {
    let found = found.ok_or("`adopt` did not find the work within the search")?;
    let executor = probe.executor();
    let (one, two) = (
        executor.public_handle(launched),
        executor.public_handle(&found),
    );
    if one != two {
        return Err(format!("`adopt` found {two} instead of {one}"));
    }
    Ok(Kept)
}

/// `adopt` of a key that was never launched finds nothing and starts nothing.
pub(super) async fn adopt_starts_nothing(probe: &Probe<'_>) -> Ruling {
    if probe.capabilities().sensor {
        return Ok(Skipped("a sensor starts nothing"));
    }
    let attempt = probe.attempt(probe.subject.succeeds());
    for _ in 0..2 {
        match probe.try_adopt(&attempt).await? {
            Ok(None) => {}
            Ok(Some(handle)) => {
                let public = probe.executor().public_handle(&handle);
                return Err(format!("`adopt` found {public} where nothing was launched"));
            }
            Err(error @ (ExecutorError::Unavailable { .. } | ExecutorError::Throttled { .. })) => {
                return Err(format!("the search could not be made: {error}"));
            }
            Err(error) => return Err(format!("`adopt` gave a verdict: {error:?}")),
        }
    }
    probe.expect_works(&attempt.key, 0).await?;
    Ok(Kept)
}

/// A definite refusal has its class, and no work behind it.
pub(super) async fn a_refused_launch_starts_nothing(probe: &Probe<'_>) -> Ruling {
    let mut judged = Skipped("no configuration that is refused");
    for case in probe.subject.verdicts() {
        if let Expected::Rejected(class) = case.expected {
            refused(probe, case.with, class)
                .await
                .map_err(|how| format!("{}: {how}", case.name))?;
            judged = Kept;
        }
    }
    Ok(judged)
}

async fn refused(probe: &Probe<'_>, with: Value, wanted: ErrorClass) -> Result<(), String> {
    let attempt = probe.attempt(with);
    match probe.try_launch(&attempt).await? {
        Err(ExecutorError::Rejected { class, .. }) if class == wanted => {
            probe.expect_works(&attempt.key, 0).await
        }
        Err(error) => Err(format!(
            "expected a refusal of class {wanted}, got {error:?}"
        )),
        Ok(_) => Err(format!(
            "expected a refusal of class {wanted}, got a handle"
        )),
    }
}
