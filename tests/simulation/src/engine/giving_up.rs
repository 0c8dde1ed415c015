//! A mistake as an engine could make it: old launches are given up without a look.

use noctule_core::name::RunId;
use noctule_core::run::{AttemptState, Event, News, TaskRunIx};
use noctule_executor::ExecutorError;

use super::Engine;
use crate::clock::{SECOND, until};
use crate::outside::Outside;

impl Engine {
    /// The mistake of taking age for evidence.
    pub(super) fn give_up_old(&mut self, out: &mut Outside, id: &RunId) {
        let now = self.wall(out);
        let Some(live) = self.work.live.get(id) else {
            return;
        };
        let old: Vec<(TaskRunIx, u32)> = (0u32..)
            .map(TaskRunIx)
            .zip(&live.run.tasks)
            .filter_map(|(ix, task)| Some((ix, task.live()?)))
            .filter(|(_, attempt)| matches!(attempt.state, AttemptState::Launching(_)))
            .filter(|(_, attempt)| until(attempt.intended_at, now) > 5 * SECOND)
            .map(|(ix, attempt)| (ix, attempt.number))
            .collect();
        for (task, attempt) in old {
            let error = ExecutorError::unavailable("it is too old to be under way");
            let news = News::LaunchFailed { error };
            self.happen(
                out,
                id,
                Event::News {
                    task,
                    attempt,
                    news,
                },
            );
        }
    }
}
