//! Commands that ask: cancel, retry, mark, pause, resume, reload. The engine that holds the store answers; where none runs,
//! the ask is kept and said to be waiting.

use std::time::Duration;

use noctule_core::ask::{Answer, Refusal, Take, Wish};
use noctule_core::dag::Dag;
use noctule_core::many::Act;
use noctule_core::name::{DagId, RunId, TaskTarget};
use noctule_core::run::{Actor, RetryScope, Run, TaskRunIx, plan_retry};
use serde_json::json;

use super::desk::Desk;
use super::many::{Many, marked, scope, targets};
use super::{latest, remote};
use crate::args::{
    CancelArgs, Format, MarkArgs, PauseArgs, ReloadArgs, ResumeArgs, RetryArgs, RetryDefinition,
};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{document, printable};
use crate::server::Server;
use crate::surface::Surface;

/// How long an engine that is there may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(30);

/// Who types this.
pub(crate) fn actor(surface: &Surface) -> Actor {
    let name = ["NOCTULE_ACTOR", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| surface.env.get(*name));
    Actor {
        name: name.cloned().unwrap_or_else(|| "somebody".to_owned()),
        via: "cli".to_owned(),
    }
}

/// An answer that is none becomes the error that it is.
pub(super) fn answered(answer: Answer) -> Result<Answer, CliError> {
    match answer {
        Answer::Refused { kind, message } => Err(match kind {
            Refusal::Invalid => CliError::usage(message),
            Refusal::NotFound => CliError::not_found(message),
            Refusal::Conflict | Refusal::Expired => CliError::conflict(message),
            Refusal::Unreachable => CliError::unreachable(message),
        }),
        done => Ok(done),
    }
}

/// Says what was done.
pub(super) fn say_done(
    surface: &Surface,
    run: Option<&RunId>,
    existing: bool,
    notes: &[String],
    done: &str,
) -> Result<Exit, CliError> {
    for note in notes {
        eprintln!("{}", printable(note));
    }
    if surface.format() == Format::Table {
        eprintln!("{done}");
    } else {
        document(
            surface.format(),
            &json!({ "run": run, "existing": existing, "notes": notes }),
        )?;
    }
    Ok(Exit::Success)
}

pub(super) fn one_run(run: Option<&String>) -> Result<&String, CliError> {
    run.ok_or_else(|| {
        CliError::usage("name a run: its id, @latest, DAG@latest or DAG@INGESTION_ID")
    })
}

fn target(dag: &Dag, run: &Run, name: &str) -> Result<TaskTarget, CliError> {
    let unknown = || {
        let names: Vec<&str> = dag
            .tasks()
            .map(|ix| dag.task(ix).name.as_str())
            .take(12)
            .collect();
        CliError::not_found(format!("run {} has no task `{name}`", run.facts.id)).help(format!(
            "its tasks: {}; an item of a mapped one is TASK[KEY]",
            names.join(", ")
        ))
    };
    let target: TaskTarget = name.parse().map_err(|_| unknown())?;
    if run.find(dag, &target).is_empty() {
        return Err(unknown());
    }
    Ok(target)
}

fn names_of<'r>(dag: &Dag, run: &Run, touched: impl Iterator<Item = &'r TaskRunIx>) -> Vec<String> {
    touched.map(|ix| run.name_of(dag, *ix)).collect()
}

/// A dozen names, and how many more.
pub(super) fn listed(names: &[String]) -> String {
    let shown = printable(&names[..names.len().min(12)].join(", "));
    match names.len().saturating_sub(12) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(crate) async fn retry(args: RetryArgs, surface: &Surface) -> Result<Exit, CliError> {
    if args.definition == RetryDefinition::Latest && Server::of(surface)?.is_none() {
        return latest::retry(&args, surface).await;
    }
    if args.definition == RetryDefinition::Latest && args.many.dag.is_some() {
        return Err(latest::one_at_a_time());
    }
    if args.many.dag.is_some() {
        let scope = scope(&args.task, args.downstream, args.all)?;
        let many = Many::new(args.many, Act::Retry(scope), args.reason, args.dry_run);
        return many.act(surface).await;
    }
    if let Some(server) = Server::of(surface)? {
        return remote::retry(&server, args, surface).await;
    }
    let named = one_run(args.run.as_ref())?;
    let desk = Desk::open(surface).await?;
    let (run, dag) = desk.run(named).await?;
    let id = run.facts.id.clone();
    let tasks = args
        .task
        .iter()
        .map(|name| target(&dag, &run, name))
        .collect::<Result<Vec<_>, _>>()?;
    let scope = RetryScope {
        tasks: tasks.clone(),
        downstream: args.downstream,
        all: args.all,
    };
    let touched = plan_retry(&dag, &run, &scope)
        .map_err(|refusal| CliError::conflict(refusal.to_string()))?;
    let names = names_of(&dag, &run, touched.iter());
    if args.dry_run {
        return say_touched(surface, &id, &names, "would begin anew");
    }
    let wish = Wish::Retry {
        run: id.clone(),
        tasks,
        downstream: args.downstream,
        all: args.all,
        reason: args.reason,
        definition: Take::Pinned,
    };
    desk.ask(
        wish,
        &format!(
            "run {id} goes on: {} begin anew\n  follow it:  noctule follow {id}",
            listed(&names)
        ),
    )
    .await
}

pub(crate) async fn cancel(args: CancelArgs, surface: &Surface) -> Result<Exit, CliError> {
    if args.detached {
        return Err(CliError::not_yet("--detached"));
    }
    if args.many.dag.is_some() {
        let many = Many::new(args.many, Act::Cancel, args.reason, args.dry_run);
        return many.act(surface).await;
    }
    if let Some(server) = Server::of(surface)? {
        return remote::cancel(&server, args, surface).await;
    }
    let named = one_run(args.run.as_ref())?;
    let desk = Desk::open(surface).await?;
    let (run, dag) = desk.run(named).await?;
    let id = run.facts.id.clone();
    if run.is_over() {
        return Err(CliError::conflict(format!(
            "run {id} has already {}",
            run.phase.word()
        )));
    }
    if args.dry_run {
        let all: Vec<TaskRunIx> = (0u32..).map(TaskRunIx).take(run.tasks.len()).collect();
        let open = all
            .iter()
            .filter(|ix| run.tasks[ix.index()].end().is_none());
        let names = names_of(&dag, &run, open);
        return say_touched(surface, &id, &names, "would be cancelled");
    }
    let wish = Wish::Cancel {
        run: id.clone(),
        reason: args.reason,
    };
    desk.ask(
        wish,
        &format!("run {id} is being cancelled\n  see its end:  noctule follow {id}"),
    )
    .await
}

pub(crate) async fn mark(args: MarkArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (run, task, verdict) = marked(&args)?;
    let Some(run) = run else {
        let task = targets(&[task.to_owned()])?.pop();
        let unnamed = || CliError::usage("name the task");
        let act = Act::Mark {
            task: task.ok_or_else(unnamed)?,
            verdict,
            leave_running: args.leave_running,
        };
        let many = Many::new(args.many, act, args.reason, args.dry_run);
        return many.act(surface).await;
    };
    if let Some(server) = Server::of(surface)? {
        return remote::mark(&server, &args, surface).await;
    }
    let desk = Desk::open(surface).await?;
    let (run, dag) = desk.run(run).await?;
    let id = run.facts.id.clone();
    let task = target(&dag, &run, task)?;
    if args.dry_run {
        return say_touched(
            surface,
            &id,
            &[task.to_string()],
            &format!("would be marked {}", verdict.word()),
        );
    }
    let done = format!("{task} of run {id} is marked {}", verdict.word());
    let (leave_running, reason) = (args.leave_running, args.reason);
    desk.ask(
        Wish::Mark {
            run: id,
            task,
            verdict,
            leave_running,
            reason,
        },
        &done,
    )
    .await
}

pub(super) fn say_touched(
    surface: &Surface,
    run: &RunId,
    tasks: &[String],
    what: &str,
) -> Result<Exit, CliError> {
    if surface.format() == Format::Table {
        crate::console::emit(
            &tasks
                .iter()
                .map(|task| format!("{}\n", printable(task)))
                .collect::<String>(),
        )?;
        eprintln!(
            "{} of run {run} {what}",
            if tasks.len() == 1 {
                "1 task".to_owned()
            } else {
                format!("{} tasks", tasks.len())
            }
        );
    } else {
        document(
            surface.format(),
            &json!({ "run": run, "tasks": tasks, "dry_run": true }),
        )?;
    }
    Ok(Exit::Success)
}

fn known_dag(desk: &Desk<'_>, named: &str) -> Result<DagId, CliError> {
    let unknown = || CliError::not_found(format!("there is no DAG `{named}`"));
    let id: DagId = named.parse().map_err(|_| unknown())?;
    let known = desk
        .open
        .loaded
        .dags
        .iter()
        .any(|dag| dag.definition.id == id);
    if known { Ok(id) } else { Err(unknown()) }
}

pub(crate) async fn pause(args: PauseArgs, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        return remote::pause(&server, args, surface).await;
    }
    let desk = Desk::open(surface).await?;
    let dag = known_dag(&desk, &args.dag)?;
    let done =
        format!("{dag} is paused: its ticks make no runs\n  resume it:  noctule resume {dag}");
    desk.ask(
        Wish::Pause {
            dag,
            reason: args.reason,
        },
        &done,
    )
    .await
}

pub(crate) async fn resume(args: ResumeArgs, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        return remote::resume(&server, args, surface).await;
    }
    let desk = Desk::open(surface).await?;
    let dag = known_dag(&desk, &args.dag)?;
    let done = format!("{dag} fires again");
    desk.ask(
        Wish::Resume {
            dag,
            catchup: args.catchup,
        },
        &done,
    )
    .await
}

pub(crate) async fn reload(args: ReloadArgs, surface: &Surface) -> Result<Exit, CliError> {
    if args.check {
        return crate::looking::check(&crate::args::CheckArgs { files: Vec::new() }, surface);
    }
    let desk = Desk::open(surface).await?;
    desk.ask(Wish::Reload, "the engine reads its files again")
        .await
}
