//! A store that was set back to an earlier state: what its live runs say was not sent may have been sent since.
//!
//! From then on every attempt of such a run is looked for before it is sent for the first time; where nothing can be looked
//! for, it is `unknown`, unless the DAG says that sending it twice is harmless. A question is asked again without harm.

use noctule_executor::Recovery;

use super::attempt::{AttemptState, LaunchStep, Launching, Nature};
use super::record::Fact;
use super::state::TaskRunIx;
use super::transition::Turn;
use crate::dag::OnUnknown;

/// What people are told of a local launch that another machine may have made.
const ELSEWHERE: &str = "the engine that was starting it ran on another machine, and ended";
/// What people are told of an attempt that nobody can be sure of.
const MESSAGE: &str =
    "the store was set back to an earlier state, after which this may have been launched";

impl Turn<'_> {
    /// The store was set back: nothing that it says was not sent is sure.
    pub(super) fn doubt(&mut self) {
        if self.run.tasks.iter().all(|task| task.doubted) {
            return;
        }
        // Those that are gone, too: they may come back.
        for (ix, task) in (0..).map(TaskRunIx).zip(&mut self.run.tasks) {
            task.doubted = true;
            self.step.touched.insert(ix);
        }
        self.record_of(None, None, Fact::Doubted);
        self.each_live(|turn, ix| {
            if turn.rests(ix) {
                turn.look_before_sending(ix);
            }
        });
    }

    /// The engine before was on another machine. What it was sending to that machine itself may have been started there.
    pub(super) fn left_elsewhere(&mut self, ix: TaskRunIx) {
        let on_unknown = self.definition(ix).on_unknown;
        let Some(attempt) = self.live(ix) else { return };
        let local = attempt.prepared.local;
        let AttemptState::Launching(launching) = &attempt.state else {
            return;
        };
        let sends = !matches!(
            launching.step,
            LaunchStep::Send {
                not_before: Some(_)
            }
        );
        if local && sends && on_unknown != OnUnknown::Retry {
            self.conclude_unknown(ix, ELSEWHERE);
        }
    }

    /// A launch that waits for its time was surely not sent, but only by what the store says.
    fn rests(&mut self, ix: TaskRunIx) -> bool {
        let resting = |launching: &mut Launching| {
            matches!(
                launching.step,
                LaunchStep::Send {
                    not_before: Some(_)
                }
            )
        };
        self.launching(ix).is_some_and(resting)
    }

    /// An attempt was just intended.
    pub(super) fn look_before_sending(&mut self, ix: TaskRunIx) {
        if !self.run.tasks[ix.index()].doubted {
            return;
        }
        let on_unknown = self.definition(ix).on_unknown;
        let Some(attempt) = self.live(ix) else { return };
        let (nature, recovery) = (attempt.prepared.nature, attempt.prepared.recovery.clone());
        if !matches!(attempt.state, AttemptState::Launching(_)) || nature == Nature::Sensor {
            return;
        }
        let now = self.now;
        match recovery {
            Recovery::Search { .. } | Recovery::Resend => {
                self.search(ix, MESSAGE.to_owned(), now);
            }
            Recovery::Never if on_unknown == OnUnknown::Retry => {}
            Recovery::Never => self.conclude_unknown(ix, MESSAGE),
        }
    }
}
