//! Stops what may be stopped: all are asked first, then their ends are awaited together.

use std::time::Duration;

use noctule_core::run::CANCEL_GRACE;
use noctule_executor::Status;
use tokio::time::{Instant, sleep};

use super::Judged;
use super::report::Action;
use crate::exit::Exit;
use crate::output::printable;
use crate::surface::Surface;

/// How long the ends are awaited, all together.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at work that is stopping.
const PAUSE: Duration = Duration::from_millis(250);

/// Stops it; the exit code tells whether all of it has ended.
pub(super) async fn stop(judged: &mut [Judged], detached_too: bool, surface: &Surface) -> Exit {
    let mut exit = Exit::Success;
    for one in judged.iter_mut() {
        if !one.standing.may_be_stopped(detached_too) {
            continue;
        }
        let work = &one.work;
        let cancelled = work
            .executor
            .cancel(&work.context, &work.owned.handle, CANCEL_GRACE)
            .await;
        one.action = match cancelled {
            Ok(()) => Action::Stopping,
            Err(error) => {
                let told = printable(&format!("{} could not be stopped: {error}", work.owned.key));
                eprintln!("{} {told}", surface.style().bad("error:"));
                exit = Exit::Unreachable;
                Action::Failed
            }
        };
    }
    await_ends(judged).await;
    let open = judged.iter().any(|one| one.action == Action::Stopping);
    match (exit, open) {
        (Exit::Success, true) => Exit::GaveUp,
        (exit, _) => exit,
    }
}

async fn await_ends(judged: &mut [Judged]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stopping = judged
            .iter_mut()
            .filter(|one| one.action == Action::Stopping);
        let mut open = false;
        for one in stopping {
            match one.work.poll(Duration::ZERO).await {
                Some(Ok(Status::Finished(_) | Status::Lost { .. })) => {
                    one.action = Action::Stopped;
                }
                // A failed poll says nothing about the work.
                _ => open = true,
            }
        }
        if !open || Instant::now() >= deadline {
            return;
        }
        sleep(PAUSE).await;
    }
}
