//! `explain`: why a run or a task is waiting.

use std::collections::{BTreeMap, HashMap};

use noctule_core::dag::Dag;
use noctule_core::explain::{
    Holder, Known, Other, Pool, Rate, Reason, explain as reasons, explain_ask,
};
use noctule_core::name::{RunId, TaskTarget};
use noctule_core::run::{
    AttemptState, Board, Instant, Limits, Phase, Run, TaskRun, TaskRunIx, TaskState,
};
use noctule_core::source::Project;
use serde::Serialize;

use super::story::{Story, pinned};
use crate::args::{ExplainArgs, Format};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{documents, printable};
use crate::surface::Surface;
use crate::times::{self, Zone, span};

/// One gate, as JSON has it.
#[derive(Serialize)]
struct Shown<'a> {
    gate: noctule_core::explain::Gate,
    task: Option<&'a str>,
    text: &'a str,
    since: Option<String>,
    next: Option<&'a str>,
    next_at: Option<String>,
}

/// Prints the gates.
pub(crate) async fn explain(args: &ExplainArgs, surface: &Surface) -> Result<Exit, CliError> {
    let story = Story::find(surface, &args.run).await?;
    let task = args
        .task
        .as_ref()
        .map(|task| task_of(&story, task))
        .transpose()?;
    let others = Others::of(&story, story.open.project()?).await?;
    let zone = Zone::of(Some(story.open.project()?));
    let say = |at: Instant| zone.say(at);
    let holder = story.store.holder().await?.map(|owner| owner.to_string());
    let known = Known {
        now: surface.now,
        engine: holder.as_deref(),
        slots: usize::try_from(story.open.project()?.engine.slots).unwrap_or(usize::MAX),
        holding: &others.holding,
        pools: &others.pools,
        rates: &others.rates,
        ready_before: others.ready_before,
        running: &others.running,
        queued_before: others.queued_before,
        say: &say,
    };
    let mut told = reasons(&story.dag, &story.run, task, &known);
    for (_, ask) in story.store.pending_asks().await? {
        if concerns(&ask, &story.run) {
            told.push(explain_ask(&ask, holder.as_deref(), &say));
        }
    }
    print(surface, &told)
}

fn concerns(ask: &noctule_core::ask::Ask, run: &Run) -> bool {
    use noctule_core::ask::Wish;
    match &ask.wish {
        Wish::Cancel { run: id, .. } | Wish::Retry { run: id, .. } | Wish::Mark { run: id, .. } => {
            *id == run.facts.id
        }
        Wish::Trigger(_) | Wish::Pause { .. } | Wish::Resume { .. } | Wish::Reload => false,
    }
}

/// A task run by its name; a mapped task as a whole where no item is named.
pub(super) fn task_of(story: &Story, name: &str) -> Result<TaskRunIx, CliError> {
    let unknown = || no_task(&story.dag, &story.run, name);
    let target: TaskTarget = name.parse().map_err(|_| unknown())?;
    let several = || {
        let items = story.run.find(&story.dag, &target);
        let names = items.iter().take(12);
        let names: Vec<String> = names.map(|ix| story.run.name_of(&story.dag, *ix)).collect();
        if names.is_empty() {
            return unknown();
        }
        CliError::usage(format!("`{}` has several items", printable(name)))
            .help(format!("name one: {}", printable(&names.join(", "))))
    };
    story.run.find_one(&story.dag, &target).ok_or_else(several)
}

/// An error that names the tasks that there are.
pub(super) fn no_task(dag: &Dag, run: &Run, name: &str) -> CliError {
    let names: Vec<String> = dag
        .tasks()
        .take(20)
        .map(|task| dag.task(task).name.to_string())
        .collect();
    let error = CliError::not_found(format!(
        "run {} has no task `{}`",
        run.facts.id,
        printable(name)
    ));
    error.help(format!("it has {}", names.join(", ")))
}

/// What is known of other runs.
struct Others {
    holding: Vec<Holder>,
    pools: Vec<Pool>,
    rates: Vec<Rate>,
    ready_before: usize,
    running: Vec<Other>,
    queued_before: usize,
}

impl Others {
    /// The live runs of the store side by side, as an engine sees them.
    async fn of(story: &Story, project: &Project) -> Result<Self, CliError> {
        let mut live: HashMap<RunId, (Dag, Run)> = HashMap::new();
        let mut board = Board::default();
        for run in story.store.live_runs().await? {
            let dag = pinned(&story.store, &run).await?;
            board.look_run(&run);
            for ix in (0u32..).map(TaskRunIx).take(run.tasks.len()) {
                board.look(&dag, &run, ix);
            }
            live.insert(run.facts.id.clone(), (dag, run));
        }
        let own = &story.run.facts;
        let mut holding: Vec<Holder> = board
            .holding()
            .iter()
            .filter_map(|(id, ix)| holder(live.get(id)?, *ix))
            .collect();
        holding.sort_by_key(|holder| holder.since);
        let running = board.running(&own.dag).filter(|id| **id != own.id);
        let queued_before = board
            .queued(&own.dag)
            .take_while(|id| **id != own.id)
            .count();
        Ok(Self {
            holding,
            rates: rates(&live, project),
            pools: pools(&live, &board, &project.pools),
            ready_before: ready_before(&board, &story.run, &project.pools),
            running: running.filter_map(|id| other(&live.get(id)?.1)).collect(),
            queued_before: if matches!(story.run.phase, Phase::Queued { .. }) {
                queued_before
            } else {
                0
            },
        })
    }
}

fn holder((dag, run): &(Dag, Run), ix: TaskRunIx) -> Option<Holder> {
    let task = run.tasks.get(ix.index())?;
    let attempt = task.live()?;
    let since = match &attempt.state {
        AttemptState::Running(work) => work.launched_at,
        _ => attempt.intended_at,
    };
    Some(named(dag, run, ix, since))
}

fn named(dag: &Dag, run: &Run, ix: TaskRunIx, since: Instant) -> Holder {
    Holder {
        run: run.facts.id.to_string(),
        dag: run.facts.dag.to_string(),
        task: run.name_of(dag, ix),
        since,
    }
}

/// Each pool of the project, who holds it and who is first in line.
fn pools(
    live: &HashMap<RunId, (Dag, Run)>,
    board: &Board,
    sizes: &BTreeMap<String, u32>,
) -> Vec<Pool> {
    let pool = |(name, slots): (&String, &u32)| {
        let held = board.holding_of(name);
        let mut held: Vec<(Holder, u32)> = held
            .iter()
            .filter_map(|((id, ix), slots)| Some((holder(live.get(id)?, *ix)?, *slots)))
            .collect();
        held.sort_by_key(|(holder, _)| holder.since);
        let first = board.first_of_pool(name, *slots);
        let first = first.and_then(|((id, ix), slots)| {
            let (dag, run) = live.get(&id)?;
            let task = run.tasks.get(ix.index())?;
            let TaskState::Ready { since } = task.state else {
                return None;
            };
            Some((named(dag, run, ix, since), slots))
        });
        Pool {
            name: name.clone(),
            slots: Some(*slots),
            held,
            first,
        }
    };
    sizes.iter().map(pool).collect()
}

fn other(run: &Run) -> Option<Other> {
    let Phase::Running { started_at, .. } = run.phase else {
        return None;
    };
    Some(Other {
        run: run.facts.id.to_string(),
        since: started_at,
    })
}

/// The connections with a rate for launches, and how many are being launched through each.
fn rates(live: &HashMap<RunId, (Dag, Run)>, project: &Project) -> Vec<Rate> {
    let launching = |name: &str| {
        let tasks = live.values().flat_map(|(_, run)| &run.tasks);
        let attempts = tasks.filter_map(TaskRun::live);
        attempts
            .filter(|attempt| attempt.prepared.connection.as_deref() == Some(name))
            .filter(|attempt| matches!(attempt.state, AttemptState::Launching(_)))
            .count()
    };
    let rate = |(name, connection): (&String, &noctule_executor::Connection)| {
        Some(Rate {
            connection: name.clone(),
            launch: connection
                .settings
                .get("rate")?
                .get("launch")?
                .as_str()?
                .to_owned(),
            launching: launching(name),
        })
    };
    project.connections.iter().filter_map(rate).collect()
}

/// How many ready tasks of other runs get a slot before any of this run.
fn ready_before(board: &Board, own: &Run, pools: &BTreeMap<String, u32>) -> usize {
    let limits = Limits { slots: 0, pools };
    let line = board.in_line(limits);
    line.iter()
        .position(|(run, _)| *run == own.facts.id)
        .unwrap_or(0)
}

fn print(surface: &Surface, told: &[Reason]) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        let shown: Vec<Shown<'_>> = told.iter().map(shown).collect();
        documents(surface.format(), &shown)?;
        return Ok(Exit::Success);
    }
    let style = surface.data_style();
    let mut text = String::new();
    for reason in told {
        let since = reason
            .since
            .map(|since| format!("  ({} ago)", span(surface.now - since)))
            .unwrap_or_default();
        text.push_str(&format!(
            "{}{}\n",
            printable(&reason.text),
            style.dim(&since)
        ));
        if let Some(next) = &reason.next {
            text.push_str(&format!("  {} {}\n", style.dim("next:"), printable(next)));
        }
    }
    if told.is_empty() {
        text.push_str("nothing waits\n");
    }
    emit(&text)?;
    Ok(Exit::Success)
}

fn shown(reason: &Reason) -> Shown<'_> {
    Shown {
        gate: reason.gate,
        task: reason.task.as_deref(),
        text: &reason.text,
        since: reason.since.map(times::json),
        next: reason.next.as_deref(),
        next_at: reason.next_at.map(times::json),
    }
}
