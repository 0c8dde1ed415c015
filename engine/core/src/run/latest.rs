//! A retry with the latest definition: what it would begin anew, and whether the run can go over to that definition at all.
//!
//! Guarantees: nothing is guessed. Where the state of a run has no honest place in the new definition, the answer is a
//! refusal with a code, a place and a way out. Parameters, `vars` and the ingestion id stay what they were.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

use super::attempt::{Attempt, AttemptEnd, AttemptState, Ended, Nature};
use super::repin::Repin;
use super::retry::{RetryRefusal, RetryScope, chosen};
use super::state::{Phase, Run, TaskRun, TaskRunIx};
use crate::dag::{Dag, Difference, TaskDefinition, TaskIx};
use crate::planted::{self, Bug};
use crate::source::resolve_params;
use noctule_executor::ErrorClass;

/// A retry that takes the latest definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// How the run goes over; none if it has this definition already.
    pub repin: Option<Repin>,
    /// What begins: what the scope says, tasks that are new, and tasks that are there again.
    pub tasks: Vec<TaskRunIx>,
    /// What lies between the two definitions.
    pub difference: Difference,
    /// The run under the later definition, before anything of it begins anew.
    pub run: Run,
}

impl Latest {
    /// The names of what begins.
    #[must_use]
    pub fn names(&self, later: &Dag) -> Vec<String> {
        let name = |ix: &TaskRunIx| self.run.name_of(later, *ix);
        self.tasks.iter().map(name).collect()
    }
}

/// Why a run cannot take a definition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Unfit {
    /// A stable word for machines.
    pub code: &'static str,
    /// The task that it is about; none: the DAG itself.
    pub task: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            message,
            help,
            ..
        } = self;
        write!(f, "error[{code}]: {message} ({help})")
    }
}

const TRIGGER: &str = "make a new run with `noctule trigger`, or retry with --definition pinned";

/// What a retry with a later definition would do to a run of the earlier one.
///
/// # Errors
/// The run is not over, nothing in it is to be done, a named task is not there, or the run has no place in the definition.
pub fn plan_latest(
    earlier: &Dag,
    later: &Dag,
    run: &Run,
    scope: &RetryScope,
) -> Result<Latest, RetryRefusal> {
    if !matches!(run.phase, Phase::Ended { .. }) {
        return Err(RetryRefusal::NotEnded(run.phase.word()));
    }
    let difference = Difference::between(earlier, later);
    if earlier.hash() == later.hash() {
        let tasks = super::retry::plan_retry(later, run, scope)?;
        return Ok(Latest {
            repin: None,
            tasks,
            difference,
            run: run.clone(),
        });
    }
    check_dag(later, run)?;
    let repin = Repin::between(earlier, later, run);
    if !planted::is(Bug::LeavingIsNotChecked) {
        check_leaving(earlier, later, run)?;
    }
    check_shapes(earlier, later, run, &repin)?;
    let mut after = run.clone();
    repin.apply(later, &mut after).ok_or_else(misplaced)?;
    let mut tasks = chosen(later, &after, scope)?;
    check_lists(earlier, later, run, &tasks)?;
    check_executors((earlier, run), (later, &after))?;
    let begins = beginning(run, &after);
    let named = scope.all || !scope.tasks.is_empty();
    if tasks.is_empty() && begins.is_empty() && (named || !lost_a_failure(run, &after)) {
        return Err(RetryRefusal::NothingFailed);
    }
    tasks.extend(begins);
    if planted::is(Bug::LaterBeginsAllAnew) {
        tasks.extend(after.outer(later));
    }
    tasks.sort_unstable();
    tasks.dedup();
    Ok(Latest {
        repin: Some(repin),
        tasks,
        difference,
        run: after,
    })
}

/// Tasks that are new, or there again: nothing of an earlier round counts for them.
fn beginning(before: &Run, after: &Run) -> Vec<TaskRunIx> {
    let begins = |(ix, task): &(TaskRunIx, &TaskRun)| {
        let was = before.tasks.get(ix.index());
        let new = was.is_none_or(|was| was.gone.is_some());
        new && task.gone.is_none() && task.item.is_none()
    };
    let all = (0..).map(TaskRunIx).zip(&after.tasks);
    all.filter(begins).map(|(ix, _)| ix).collect()
}

/// What the run failed by is gone: without it, the run may be good.
fn lost_a_failure(before: &Run, after: &Run) -> bool {
    let lost = |(was, is): (&TaskRun, &TaskRun)| {
        let bad = was.end().is_some_and(|end| end.verdict.is_bad());
        bad && was.gone.is_none() && is.gone.is_some()
    };
    before.tasks.iter().zip(&after.tasks).any(lost)
}

fn unfit(code: &'static str, task: Option<&str>, message: String, help: &str) -> RetryRefusal {
    RetryRefusal::Definition(Box::new(Unfit {
        code,
        task: task.map(str::to_owned),
        message,
        help: help.to_owned(),
    }))
}

fn misplaced() -> RetryRefusal {
    let message = "its tasks cannot be told apart".to_owned();
    unfit("misplaced", None, message, TRIGGER)
}

/// The definition can be run, and the parameters of the run are what it would have been given.
fn check_dag(later: &Dag, run: &Run) -> Result<(), RetryRefusal> {
    let definition = later.definition();
    if definition.id != run.facts.dag {
        return Err(misplaced());
    }
    if let [first, ..] = definition.not_yet.as_slice() {
        let message = format!("`{}` cannot run yet: {first}", definition.id);
        return Err(unfit("not_yet", None, message, "change the DAG"));
    }
    let mut given = run.facts.params.clone();
    given.retain(|name, _| definition.params.contains_key(name));
    let why = match resolve_params(definition, &given) {
        Ok(resolved) => {
            let other = |(name, value): &(&String, &serde_json::Value)| {
                given.get(name.as_str()) != Some(*value)
            };
            let other = resolved.iter().find(other);
            other.map(|(name, _)| format!("the run has no param `{name}`, or another value of it"))
        }
        Err(problems) => problems.first().map(ToString::to_string),
    };
    match why {
        None => Ok(()),
        Some(why) => {
            let message = format!("{why}; a run keeps the params that it was made with");
            Err(unfit("params_changed", None, message, TRIGGER))
        }
    }
}

/// Nothing may be left of a task that leaves: nobody would look at it any more.
fn check_leaving(earlier: &Dag, later: &Dag, run: &Run) -> Result<(), RetryRefusal> {
    for task in run.tasks.iter().filter(|task| task.gone.is_none()) {
        let name = &task.definition(earlier).name;
        if later.find(name.as_str()).is_some() {
            continue;
        }
        let named = named(name.as_str(), task);
        let settled = task.end().is_some_and(|end| end.marked_by.is_some());
        if task.end().is_none() || task.is_obliged() {
            let message =
                format!("`{named}` is removed, and work of it is still to be cleared away");
            let help = "wait until it is, or retry with --definition pinned";
            return Err(unfit("left_behind", Some(&named), message, help));
        }
        let given_up = !task.obligations.is_empty();
        if !settled && (given_up || task.attempts.last().is_some_and(is_unknown)) {
            let what = if given_up {
                "what it left behind could not be cleared away"
            } else {
                "nobody can tell whether its work goes on"
            };
            let message = format!("`{named}` is removed, and {what}");
            let help = "look at it, say how it stands with `noctule mark`, and retry then";
            return Err(unfit("unknown_work", Some(&named), message, help));
        }
    }
    Ok(())
}

fn named(name: &str, task: &TaskRun) -> String {
    match &task.map_key {
        Some(key) => format!("{name}[{key}]"),
        None => name.to_owned(),
    }
}

fn is_unknown(attempt: &Attempt) -> bool {
    let AttemptState::Ended(Ended { end, .. }) = &attempt.state else {
        return true;
    };
    match end {
        AttemptEnd::Failed { class, .. } => *class == ErrorClass::Unknown,
        // What became of a call whose connection we closed, nobody can tell.
        AttemptEnd::TimedOut { .. } => attempt.prepared.nature == Nature::Attached,
        _ => false,
    }
}

/// What a task is, where that decides what its task runs are.
#[derive(PartialEq, Eq)]
enum Shape {
    Single,
    Mapped,
    /// With the names of its walk.
    Group(Vec<String>),
}

impl Shape {
    fn of(dag: &Dag, task: TaskIx) -> Self {
        let definition = dag.task(task);
        let inner = dag.walk(task).into_iter();
        match definition {
            _ if definition.is_group() => {
                Self::Group(inner.map(|task| dag.task(task).name.to_string()).collect())
            }
            _ if definition.map.is_some() => Self::Mapped,
            _ => Self::Single,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Single => "a single task",
            Self::Mapped => "a mapped task",
            Self::Group(_) => "a group of other tasks, or in another order",
        }
    }

    /// What the task run was so far; none if it has nothing yet that could be of another shape.
    fn so_far(earlier: &Dag, run: &Run, ix: TaskRunIx) -> Option<Self> {
        let task = &run.tasks[ix.index()];
        let mut items = run
            .tasks
            .iter()
            .filter(|it| it.item.is_some_and(|of| of.head == ix));
        let first = items.next();
        if task.attempts.is_empty() && task.expansion.is_none() && first.is_none() {
            return None;
        }
        let definition = task.definition(earlier);
        if !definition.is_group() {
            return Some(match definition.map {
                Some(_) => Self::Mapped,
                None => Self::Single,
            });
        }
        // The walk of its first item; without items any walk will do.
        let first = first?;
        let same = items.take_while(|it| it.map_key == first.map_key);
        let walk = std::iter::once(first).chain(same);
        let names = walk.map(|it| it.definition(earlier).name.to_string());
        Some(Self::Group(names.collect()))
    }
}

/// A task that has begun is what it was: its attempts, and those of its items, would belong to nothing else.
fn check_shapes(earlier: &Dag, later: &Dag, run: &Run, repin: &Repin) -> Result<(), RetryRefusal> {
    for (task, ix) in later.outer().zip(&repin.line) {
        if ix.index() >= run.tasks.len() {
            continue;
        }
        let (is, was) = (Shape::of(later, task), Shape::so_far(earlier, run, *ix));
        if was.is_some_and(|was| was != is) {
            let name = later.task(task).name.as_str();
            let message = format!("`{name}` has begun, and is {} now", is.word());
            return Err(unfit("shape_changed", Some(name), message, TRIGGER));
        }
    }
    Ok(())
}

/// What became of an attempt, only its executor can tell; a task run is of one.
fn check_executors(before: (&Dag, &Run), after: (&Dag, &Run)) -> Result<(), RetryRefusal> {
    for (was, is) in before.1.tasks.iter().zip(&after.1.tasks) {
        let (earlier, later) = (was.definition(before.0), is.definition(after.0));
        if !was.attempts.is_empty() && earlier.executor != later.executor {
            let name = named(later.name.as_str(), is);
            let (was, is) = (&earlier.executor, &later.executor);
            let message =
                format!("`{name}` has attempts of executor `{was}`, and is of `{is}` now");
            return Err(unfit("executor_changed", Some(&name), message, TRIGGER));
        }
    }
    Ok(())
}

/// Items begin anew only under the list that they are of.
fn check_lists(
    earlier: &Dag,
    later: &Dag,
    run: &Run,
    tasks: &[TaskRunIx],
) -> Result<(), RetryRefusal> {
    let begun: BTreeSet<&TaskRunIx> = tasks.iter().collect();
    for ix in tasks {
        let Some(head) = run
            .tasks
            .get(ix.index())
            .and_then(|task| Some(task.item?.head))
        else {
            continue;
        };
        let was = run.tasks[head.index()].definition(earlier);
        let Some(is) = later.find(was.name.as_str()).map(|task| later.task(task)) else {
            continue;
        };
        if !begun.contains(&head) && list_of(was) != list_of(is) {
            let name = was.name.as_str();
            let message =
                format!("the list of `{name}` is another one now, and only items of it begin anew");
            let help = format!("--task {name} makes its list anew, and all its items");
            return Err(unfit("list_changed", Some(name), message, &help));
        }
    }
    Ok(())
}

fn list_of(task: &TaskDefinition) -> Option<(&serde_json::Value, Option<&String>)> {
    let map = task.map.as_ref()?;
    Some((&map.items, map.key.as_ref()))
}
