//! Rules about stopping work: before, during and after, once and again.

use std::time::Duration;

use serde_json::Value;

use noctule_executor::{Outcome, Status};

use super::Judgement::{Kept, Skipped};
use super::probe::{Probe, Ruling, expect_same};

const SHORT_PATIENCE: Duration = Duration::from_millis(50);

async fn long_work(probe: &Probe<'_>) -> Result<Option<Value>, String> {
    match probe.long_work() {
        Some(with) => probe.launch_with(with).await.map(Some),
        None => Ok(None),
    }
}

async fn ends_cancelled(probe: &Probe<'_>, handle: &Value) -> Ruling {
    match probe.end(handle).await?.outcome {
        Outcome::Cancelled { .. } => Ok(Kept),
        other => Err(format!("cancelled work ended as {other:?}")),
    }
}

/// An executor that cannot stop work must not claim that it was stopped.
async fn claims_nothing(probe: &Probe<'_>, handle: &Value) -> Ruling {
    drop(probe.try_cancel(handle).await);
    match probe.poll_one(handle, SHORT_PATIENCE).await? {
        Ok(Status::Finished(finished)) if matches!(finished.outcome, Outcome::Cancelled { .. }) => {
            Err("work that cannot be stopped is said to be cancelled".to_owned())
        }
        _ => Ok(Kept),
    }
}

/// Work may be stopped before it was ever seen running.
pub(super) async fn cancel_right_after_launch(probe: &Probe<'_>) -> Ruling {
    let Some(handle) = long_work(probe).await? else {
        return Ok(Skipped("no long work"));
    };
    if !probe.capabilities().cancel {
        return claims_nothing(probe, &handle).await;
    }
    probe.cancel(&handle).await?;
    ends_cancelled(probe, &handle).await
}

/// Running work may be stopped.
pub(super) async fn cancel_while_running(probe: &Probe<'_>) -> Ruling {
    if !probe.capabilities().cancel {
        return Ok(Skipped("no cancel"));
    }
    let Some(handle) = long_work(probe).await? else {
        return Ok(Skipped("no long work"));
    };
    probe.running(&handle).await?;
    probe.cancel(&handle).await?;
    ends_cancelled(probe, &handle).await
}

/// Asking twice is asking once, also after it has stopped.
pub(super) async fn cancel_may_be_repeated(probe: &Probe<'_>) -> Ruling {
    if !probe.capabilities().cancel {
        return Ok(Skipped("no cancel"));
    }
    let Some(handle) = long_work(probe).await? else {
        return Ok(Skipped("no long work"));
    };
    probe.cancel(&handle).await?;
    probe.cancel(&handle).await?;
    ends_cancelled(probe, &handle).await?;
    probe.cancel(&handle).await?;
    ends_cancelled(probe, &handle).await
}

/// A cancel that comes too late leaves the verdict alone.
pub(super) async fn cancel_after_the_end_changes_nothing(probe: &Probe<'_>) -> Ruling {
    let handle = probe.launch_with(probe.subject.succeeds()).await?;
    let before = probe.end(&handle).await?.outcome;
    if probe.capabilities().cancel {
        probe.cancel(&handle).await?;
    } else {
        drop(probe.try_cancel(&handle).await);
    }
    let after = probe.end(&handle).await?.outcome;
    expect_same(&before, &after)?;
    Ok(Kept)
}
