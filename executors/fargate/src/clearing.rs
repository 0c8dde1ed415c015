//! Stops tasks and clears away what they made.
//!
//! Guarantees: idempotent; works from the handle alone; done is said only when the task is seen STOPPED, or is gone for
//! good, and no request goes to its target any more. A stop always says why.

use noctule_executor::{Clearing, Draft, ExecutorError, Leaf, Use};
use serde_json::Value;

use crate::failure::CallError;
use crate::handle::Handle;
use crate::polling::is_old;
use crate::session::Session;

/// Whether a configuration puts its work behind a load balancer. A `port` may bring the connection's target group.
pub(crate) fn obliges(with: &Draft<'_>) -> bool {
    let named = |key: &str| match with.get(&[key]) {
        Leaf::Absent => false,
        Leaf::Templated => true,
        Leaf::Given(value) => !matches!(value, Value::Null) && value != "",
    };
    named("target_group") || named("port")
}

/// Asks a task to stop.
pub(crate) async fn cancel(session: &Session<'_>, handle: &Handle) -> Result<(), ExecutorError> {
    handle.check_place(&session.settings)?;
    match stop(session, handle, "noctule: cancelled").await {
        Ok(()) => Ok(()),
        Err(error) if error.is_not_found() && is_old(session, handle) => Ok(()),
        // Just launched: it is there, and not yet known everywhere.
        Err(error) if error.is_not_found() => Err(ExecutorError::unavailable(error.to_string())),
        Err(error) => Err(error.of_read()),
    }
}

async fn stop(session: &Session<'_>, handle: &Handle, why: &str) -> Result<(), CallError> {
    session.stop(&handle.cluster, &handle.task_arn, why).await
}

/// Takes the target out and stops the task, as far as it can be done now.
pub(crate) async fn tear_down(
    session: &Session<'_>,
    handle: &Handle,
    usage: Use,
) -> Result<Clearing, ExecutorError> {
    handle.check_place(&session.settings)?;
    let out = target_is_out(session, handle).await;
    let out = out.map_err(|error| error.of_read())?;
    let left_alone = handle.leave_after_failure && usage == Use::Bad;
    let gone = task_is_gone(session, handle, !left_alone).await;
    let gone = gone.map_err(|error| error.of_read())?;
    if out && gone {
        return Ok(Clearing::Done);
    }
    let pacing = session.pacing();
    let again_after = if left_alone && out {
        pacing.left_alone
    } else {
        pacing.clearing
    };
    Ok(Clearing::Pending { again_after })
}

/// Sees to it that no new request goes to the target.
async fn target_is_out(session: &Session<'_>, handle: &Handle) -> Result<bool, CallError> {
    let Some(door) = &handle.door else {
        return Ok(true);
    };
    let Some(address) = &door.address else {
        // Nothing is registered before its address stands in the handle.
        return Ok(true);
    };
    let health = match session.health(door, address).await {
        Err(error) if error.is_not_found() => return Ok(true),
        health => health?,
    };
    if health.is_out() {
        return Ok(true);
    }
    session.deregister(door, address).await?;
    Ok(session.health(door, address).await?.is_out())
}

/// Whether nothing of the task runs any more; stops it where that is asked for.
async fn task_is_gone(
    session: &Session<'_>,
    handle: &Handle,
    to_be_stopped: bool,
) -> Result<bool, CallError> {
    let arns = std::slice::from_ref(&handle.task_arn);
    let answer = session.describe(&handle.cluster, arns, false).await;
    let answer = match answer {
        // A cluster cannot be deleted while tasks run in it.
        Err(error) if error.is_not_found() => return Ok(true),
        answer => answer?,
    };
    let record = answer.tasks.iter().find(|task| task.arn == handle.task_arn);
    let missing = answer.gaps.is_empty() || answer.gaps.iter().any(|gap| gap.reason == "MISSING");
    match record {
        Some(record) if record.has_stopped() => return Ok(true),
        None if missing && is_old(session, handle) => return Ok(true),
        _ => {}
    }
    if to_be_stopped {
        match stop(session, handle, "noctule: torn down").await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(false)
}
