//! What is under way now, and what waits with which gate: one line for each task that a person could ask about.
//!
//! Guarantees: the words are those of `explain`, and bounded however much runs; what waits for other tasks of its own run
//! is not listed, because what they wait for is.

use std::collections::HashMap;

use crate::explain::{Gate, Known, Reason, Stage, explain};
use crate::name::RunId;
use crate::run::{Attempt, AttemptState, Instant, Run, TaskRunIx};
use crate::view::WorkItem;

/// Runs that are explained, oldest first; the rest is counted.
const EXPLAINED: usize = 100;
/// Lines.
const LINES: usize = 300;

/// What is known of the engine, for every run alike.
#[derive(Clone, Copy)]
pub struct Surrounded<'a> {
    /// Now.
    pub now: Instant,
    /// Who holds the store; none: nobody.
    pub engine: Option<&'a str>,
    /// Attempts that may hold a slot at once.
    pub slots: usize,
    /// How instants are written in sentences.
    pub say: &'a dyn Fn(Instant) -> String,
}

/// The lines of these live runs, oldest first, and whether there was more.
#[must_use]
pub fn work(stage: &Stage, runs: &[RunId], around: Surrounded<'_>) -> (Vec<WorkItem>, bool) {
    let mut items = Vec::new();
    let mut cut = runs.len() > EXPLAINED;
    for id in runs.iter().take(EXPLAINED) {
        if items.len() > LINES {
            break;
        }
        let Some((dag, run)) = stage.run(id) else {
            continue;
        };
        let scene = stage.scene(run);
        let known: Known<'_> = scene.known(around.now, around.engine, around.slots, around.say);
        let live = live_of(dag, run);
        let told = explain(dag, run, None, &known);
        items.extend(
            told.into_iter()
                .filter(is_a_line)
                .map(|reason| item(run, reason, &live)),
        );
    }
    cut |= items.len() > LINES;
    items.truncate(LINES);
    (items, cut)
}

fn is_a_line(reason: &Reason) -> bool {
    // That there is no engine is said once, beside the lines.
    !matches!(reason.gate, Gate::NoEngine | Gate::Upstream | Gate::Ended)
}

fn live_of<'a>(dag: &crate::dag::Dag, run: &'a Run) -> HashMap<String, &'a Attempt> {
    let all = (0u32..).map(TaskRunIx).zip(&run.tasks);
    all.filter_map(|(ix, task)| Some((run.name_of(dag, ix), task.live()?)))
        .collect()
}

fn item(run: &Run, reason: Reason, live: &HashMap<String, &Attempt>) -> WorkItem {
    let attempt = reason.task.as_ref().and_then(|task| live.get(task));
    WorkItem {
        run: run.facts.id.to_string(),
        dag: run.facts.dag.to_string(),
        ingestion_id: run.facts.ingestion_id.as_str().to_owned(),
        task: reason.task,
        attempt: attempt.map(|attempt| attempt.number),
        gate: reason.gate,
        since: attempt.map(|attempt| since(attempt)).or(reason.since),
        text: reason.text,
        next: reason.next,
    }
}

/// Since when an attempt is what it is.
fn since(attempt: &Attempt) -> Instant {
    match &attempt.state {
        AttemptState::Running(work) => work.started_at.unwrap_or(work.launched_at),
        AttemptState::Cancelling(work) => work.stop.at,
        _ => attempt.intended_at,
    }
}
