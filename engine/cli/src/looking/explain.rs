//! `explain`: why a run or a task is waiting.

use std::sync::Arc;

use noctule_core::dag::Dag;
use noctule_core::explain::{
    Reason, Scene, concerns, explain as reasons, explain_ask, explain_backfill,
};
use noctule_core::name::TaskTarget;
use noctule_core::run::{Instant, Run, TaskRunIx};
use noctule_core::view::ReasonView;
use noctule_store::BackfillFilter;

use super::story::{Story, pinned};
use crate::args::{ExplainArgs, Format};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{documents, printable};
use crate::run_name::Several;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::{Zone, span};

/// Prints the gates.
pub(crate) async fn explain(args: &ExplainArgs, surface: &Surface) -> Result<Exit, CliError> {
    let told = match Server::of(surface)? {
        Some(server) => of_server(&server, args).await?,
        None => of_store(args, surface).await?,
    };
    print(surface, &told)
}

async fn of_server(server: &Server, args: &ExplainArgs) -> Result<Vec<ReasonView>, CliError> {
    let run = server.find(&args.run, Several::Newest).await?;
    let unknown = |task: &String| {
        let task = printable(task);
        CliError::not_found(format!("run {run} has no task `{task}`"))
    };
    let target = |task: &String| task.parse::<TaskTarget>().map_err(|_| unknown(task));
    let target = args.task.as_ref().map(target).transpose()?;
    server.explain(&run, target).await
}

async fn of_store(args: &ExplainArgs, surface: &Surface) -> Result<Vec<ReasonView>, CliError> {
    let story = Story::find(surface, &args.run).await?;
    let task = args
        .task
        .as_ref()
        .map(|task| task_of(&story, task))
        .transpose()?;
    let project = story.open.project()?;
    let mut live = Vec::new();
    for run in story.store.live_runs().await? {
        live.push((Arc::new(pinned(&story.store, &run).await?), run));
    }
    let scene = Scene::of(live, &story.run, &project.pools, &project.connections);
    let zone = Zone::of(Some(project));
    let say = |at: Instant| zone.say(at);
    let holder = story.store.holder().await?.map(|owner| owner.to_string());
    let slots = usize::try_from(project.engine.slots).unwrap_or(usize::MAX);
    let known = scene.known(surface.now, holder.as_deref(), slots, &say);
    let mut told: Vec<Reason> = reasons(&story.dag, &story.run, task, &known);
    for (_, ask) in story.store.pending_asks().await? {
        if concerns(&ask, &story.run) {
            told.push(explain_ask(&ask, holder.as_deref(), &say));
        }
    }
    if story.run.is_over() {
        told.extend(backfills(&story, &say).await?);
    }
    Ok(told.iter().map(ReasonView::from).collect())
}

/// The backfills that are to begin a run anew.
async fn backfills(
    story: &Story,
    say: &dyn Fn(Instant) -> String,
) -> Result<Vec<Reason>, CliError> {
    let filter = BackfillFilter {
        dag: Some(story.run.facts.dag.clone()),
        live: true,
        ..BackfillFilter::default()
    };
    let mut told = Vec::new();
    for head in story.store.find_backfills(&filter).await? {
        let nights = story.store.nights(&head.id).await?;
        let around = crate::acting::around(&story.store, &head.dag).await?;
        told.extend(explain_backfill(&story.run, &head, &nights, around, say));
    }
    Ok(told)
}

/// A task run by its name; a mapped task as a whole where no item is named.
pub(super) fn task_of(story: &Story, name: &str) -> Result<TaskRunIx, CliError> {
    let unknown = || no_task(&story.dag, &story.run, name);
    let target: TaskTarget = name.parse().map_err(|_| unknown())?;
    let several = || {
        let items = story.run.find_ever(&story.dag, &target);
        let names = items.iter().take(12);
        let names: Vec<String> = names.map(|ix| story.run.name_of(&story.dag, *ix)).collect();
        if names.is_empty() {
            return unknown();
        }
        CliError::usage(format!("`{}` has several items", printable(name)))
            .help(format!("name one: {}", printable(&names.join(", "))))
    };
    let one = story.run.find_one_ever(&story.dag, &target);
    one.ok_or_else(several)
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

fn print(surface: &Surface, told: &[ReasonView]) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), told)?;
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
