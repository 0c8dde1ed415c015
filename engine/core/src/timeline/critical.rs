//! The chain of tasks that made a run as long as it is.

use chrono::TimeDelta;

use super::before::Before;
use super::{of_round, round_began};
use crate::dag::Dag;
use crate::run::Instant;
use crate::view::RunView;

/// One task of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which of the tasks of the run.
    pub task: usize,
    /// How long nothing of the chain was done before it: slots, pools, the engine.
    pub waited: TimeDelta,
    /// When its first attempt of this round was decided.
    pub began: Instant,
    /// When its last attempt ended; none: it is under way.
    pub ended: Option<Instant>,
    /// How many attempts it took.
    pub attempts: usize,
}

/// From the task that ended last (or is under way) back to the first, each before it the one that let it begin; told
/// first to last. Empty where nothing of this round was attempted.
#[must_use]
pub fn critical_path(dag: &Dag, run: &RunView, now: Instant) -> Vec<Step> {
    let before = Before::of(dag, run);
    let mut at = last(run, now);
    let mut steps: Vec<Step> = Vec::new();
    // The graph has no cycle, so the way back is no longer than it has tasks.
    for _ in 0..=run.tasks.len() {
        let Some(task) = at else { break };
        let step = step(run, task);
        let moment = step.map(|step| step.began).or(run.tasks[task].ended_at);
        steps.extend(step);
        at = moment.and_then(|moment| before.last(task, moment));
    }
    steps.reverse();
    wait(run, &mut steps);
    steps
}

/// The task that was attempted in this round and ended last, or has not ended.
fn last(run: &RunView, now: Instant) -> Option<usize> {
    let attempted = (0..run.tasks.len()).filter_map(|at| step(run, at));
    let last = attempted.max_by_key(|step| {
        (
            step.ended.unwrap_or(now),
            step.ended.is_none(),
            std::cmp::Reverse(step.began),
            std::cmp::Reverse(step.task),
        )
    });
    last.map(|step| step.task)
}

fn step(run: &RunView, task: usize) -> Option<Step> {
    let mut attempts = of_round(run, &run.tasks[task].attempts);
    let first = attempts.next()?;
    let (mut ended, mut count) = (first.ended_at, 1);
    for attempt in attempts {
        (ended, count) = (attempt.ended_at, count + 1);
    }
    Some(Step {
        task,
        waited: TimeDelta::zero(),
        began: first.intended_at,
        ended,
        attempts: count,
    })
}

fn wait(run: &RunView, steps: &mut [Step]) {
    let mut free = round_began(run);
    for step in steps {
        step.waited = (step.began - free).max(TimeDelta::zero());
        free = step.ended.unwrap_or(step.began);
    }
}
