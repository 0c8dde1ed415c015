//! What is being done for each task run, compared with what its durable state asks for.

use std::collections::BTreeSet;

use noctule_core::name::RunId;
use noctule_core::run::{Activity, AttemptState, ClearingTry, TaskRunIx, activity};
use noctule_executor::{AttemptKey, Wait};
use serde_json::Value;

use super::{Engine, Live};
use crate::agenda::Happening;
use crate::bugs::Wrong;
use crate::clock::{Ms, SECOND, until};
use crate::outside::Outside;

/// A sleeper looks at the clock again after this.
pub(super) const LOOK_AGAIN: Ms = 10 * SECOND;

/// The longest wait for a look, whatever the clock showed when it was set.
const LONGEST_QUIET: Ms = 600 * SECOND;

/// An activity under way.
pub(super) struct Hand {
    pub(super) attempt: u32,
    pub(super) activity: Activity,
    pub(super) number: u64,
    /// The handle as it is durable: a further one is another hand's.
    pub(super) raw: Option<Value>,
    /// The key of its attempt, whatever memory has come to meanwhile.
    pub(super) key: AttemptKey,
    pub(super) begun: bool,
    pub(super) failures: u32,
    pub(super) asked_to_stop: Option<Ms>,
    /// The pause between two polls, and the longest.
    pub(super) pause: (Ms, Ms),
}

/// A clearing under way.
pub(super) struct Clearance {
    pub(super) of: ClearingTry,
    pub(super) number: u64,
}

impl Engine {
    pub(super) fn touch_all(&mut self, id: &RunId) {
        let count = self
            .work
            .live
            .get(id)
            .map_or(0, |live| live.run.tasks.len());
        let all = (0u32..).map(TaskRunIx).take(count);
        self.work
            .batch
            .untended
            .extend(all.map(|ix| (id.clone(), ix)));
    }

    pub(super) fn tend_all(
        &mut self,
        out: &mut Outside,
        mut touched: BTreeSet<(RunId, TaskRunIx)>,
    ) {
        touched.append(&mut std::mem::take(&mut self.work.batch.untended));
        for (id, ix) in touched {
            self.tend_obligations(out, &id, ix);
            self.tend(out, &id, ix);
        }
    }

    fn tend(&mut self, out: &mut Outside, id: &RunId, ix: TaskRunIx) {
        let wall = self.wall(out);
        let Some(live) = self.work.live.get_mut(id) else {
            return;
        };
        let wanted = live.run.tasks[ix.index()]
            .live()
            .and_then(|attempt| Some((attempt.number, activity(attempt)?)));
        let current = live
            .hands
            .get(&ix)
            .map(|hand| (hand.attempt, hand.activity));
        let outlives = wanted.is_none() && out.is(Wrong::HandOutlivesAttempt);
        if wanted == current || outlives {
            return;
        }
        live.hands.remove(&ix);
        let (Some((attempt, activity)), Some(last)) =
            (wanted, live.run.tasks[ix.index()].attempts.last())
        else {
            return;
        };
        let key = last.key.clone();
        self.work.hand += 1;
        let number = self.work.hand;
        let (first, pause) = rhythm(live, ix, activity);
        let hand = Hand {
            attempt,
            activity,
            number,
            raw: raw_handle(live, ix),
            key,
            begun: false,
            failures: 0,
            asked_to_stop: None,
            pause,
        };
        live.hands.insert(ix, hand);
        let at = match activity {
            Activity::Look { at, .. } => Some(at),
            Activity::Launch { .. } | Activity::Watch { .. } | Activity::Cancel { .. } => None,
        };
        let wait = at.map_or(first, |at| until(wall, at).min(LONGEST_QUIET));
        let act = Happening::Act {
            life: self.life,
            run: id.clone(),
            task: ix,
            hand: number,
        };
        let jitter = 1 + out.chance.below(20) as Ms;
        out.after(wait + jitter, act);
    }

    fn tend_obligations(&mut self, out: &mut Outside, id: &RunId, ix: TaskRunIx) {
        let wall = self.wall(out);
        let Some(live) = self.work.live.get_mut(id) else {
            return;
        };
        let wanted: Vec<(u32, ClearingTry)> = live.run.tasks[ix.index()]
            .obligations
            .iter()
            .filter_map(|obligation| Some((obligation.attempt, obligation.asks_for()?)))
            .collect();
        let clearings = &mut live.clearings;
        clearings.retain(|(task, attempt), under_way| {
            *task != ix || wanted.contains(&(*attempt, under_way.of))
        });
        for (attempt, of) in wanted {
            if clearings.contains_key(&(ix, attempt)) {
                continue;
            }
            self.work.hand += 1;
            let number = self.work.hand;
            clearings.insert((ix, attempt), Clearance { of, number });
            let wait = of
                .not_before
                .map_or(0, |at| until(wall, at).min(LOOK_AGAIN));
            let clear = Happening::Clear {
                life: self.life,
                run: id.clone(),
                task: ix,
                attempt,
                hand: number,
            };
            out.after(wait + 1, clear);
        }
    }
}

fn raw_handle(live: &Live, ix: TaskRunIx) -> Option<Value> {
    match &live.run.tasks[ix.index()].live()?.state {
        AttemptState::Running(work) => Some(work.handle.raw.clone()),
        AttemptState::Cancelling(work) => Some(work.handle.raw.clone()),
        AttemptState::Launching(_) | AttemptState::Ended(_) => None,
    }
}

/// When the first poll is made, and the pauses between polls.
fn rhythm(live: &Live, ix: TaskRunIx, activity: Activity) -> (Ms, (Ms, Ms)) {
    let task = live.dag.task(live.run.tasks[ix.index()].task);
    match activity {
        Activity::Watch { .. } if task.wait != Wait::Block => {
            let interval = task.poll_interval.as_millis() as Ms;
            (500, (500, interval))
        }
        _ => (0, (2 * SECOND, 4 * SECOND)),
    }
}
