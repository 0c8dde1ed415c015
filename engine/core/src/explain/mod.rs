//! Why a run or a task is waiting: the exact gate, who holds it, since when, what happens next and when.
//!
//! Guarantees: what is said follows from the state and from what is known of the engine, and from nothing else; whoever
//! reads it at night learns whether to act, and how.

mod ask;
mod attempt;
mod backfill;
mod mapped;
mod pool;
mod run;
mod scene;
mod task;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dag::Dag;
use crate::run::{Instant, Run, TaskRunIx};

pub use self::ask::{concerns, explain_ask};
pub use self::backfill::explain_backfill;
pub use self::scene::{Scene, Stage};
pub use self::words::handle_in_words;

/// One gate, in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// A stable word for programs.
    pub gate: Gate,
    /// The task that it is about; none: the run.
    pub task: Option<String>,
    /// What holds it, and who.
    pub text: String,
    /// Since when.
    pub since: Option<Instant>,
    /// What happens next, or what to do.
    pub next: Option<String>,
    /// When.
    pub next_at: Option<Instant>,
}

/// The kinds of gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// No engine holds the store.
    NoEngine,
    /// An ask that nobody has answered.
    AskWaiting,
    /// `max_active_runs`.
    MaxActiveRuns,
    /// Its backfill: what that waits for, and whom it lets pass.
    Backfill,
    /// The run is being stopped.
    Stopping,
    /// Tasks that it depends on.
    Upstream,
    /// A slot.
    Slot,
    /// Room in its pool.
    Pool,
    /// The pause before the next try.
    Backoff,
    /// The launch is under way.
    Launching,
    /// The launch was refused for now.
    LaunchTrouble,
    /// Nobody knows whether the launch came through.
    LaunchUnknown,
    /// The work goes on.
    Running,
    /// The work cannot be watched until a person acts.
    Alarm,
    /// The work is being stopped.
    Cancelling,
    /// It is over.
    Ended,
}

/// What is known of the engine and of other runs.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Now.
    pub now: Instant,
    /// Who holds the store; none: nobody.
    pub engine: Option<&'a str>,
    /// Attempts that may hold a slot at once.
    pub slots: usize,
    /// Who holds one.
    pub holding: &'a [Holder],
    /// The pools of the project and of the tasks that use one, as they are now.
    pub pools: &'a [Pool],
    /// The connections with a rate for launches.
    pub rates: &'a [Rate],
    /// How many ready tasks come before the ones of this run.
    pub ready_before: usize,
    /// Runs of the same DAG that are under way, without this one.
    pub running: &'a [Other],
    /// Runs of the same DAG that were queued before this one.
    pub queued_before: usize,
    /// How instants are written in sentences.
    pub say: &'a dyn Fn(Instant) -> String,
}

/// A task that holds a slot or a part of a pool, or stands before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// Its DAG.
    pub dag: String,
    /// The task.
    pub task: String,
    /// Since when.
    pub since: Instant,
}

/// A pool as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its size; none: the project has it no more.
    pub slots: Option<u32>,
    /// Who holds how much of it, and since when.
    pub held: Vec<(Holder, u32)>,
    /// The ready task that gets the next room, how much that takes, and since when it is ready.
    pub first: Option<(Holder, u32)>,
}

/// A connection with a rate for launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its name.
    pub connection: String,
    /// As the project has it: `20/s`.
    pub launch: String,
    /// Attempts of all runs that are being launched through it now.
    pub launching: usize,
}

/// Another run of the same DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The run.
    pub run: String,
    /// Since when.
    pub since: Instant,
}

/// Explains a run, or one task of it together with what it waits for in the end.
#[must_use]
pub fn explain(dag: &Dag, run: &Run, task: Option<TaskRunIx>, known: &Known<'_>) -> Vec<Reason> {
    let teller = Teller { dag, run, known };
    let mut reasons = teller.engine();
    reasons.extend(teller.phase());
    reasons.extend(teller.yielding());
    match task {
        Some(task) => reasons.extend(teller.task_and_roots(task)),
        None => reasons.extend(teller.tasks()),
    }
    reasons
}

/// One run with all that is known around it.
struct Teller<'a> {
    dag: &'a Dag,
    run: &'a Run,
    known: &'a Known<'a>,
}

impl Teller<'_> {
    fn say(&self, at: Instant) -> String {
        (self.known.say)(at)
    }
}

#[cfg(test)]
mod tests;
