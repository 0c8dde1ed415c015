//! The acting commands with `--server`: the same words and exit codes, the server decides.

use noctule_core::name::{RunId, TaskTarget};
use noctule_core::run::Verdict;
use noctule_core::ticks::parse_duration;
use noctule_web::{
    Acted, CancelBody, MarkBody, MarkedAs, PauseBody, ResumeBody, RetryBody, RetryDefinition,
    TriggerBody,
};

use super::asking::{listed, one_run, say_done, say_touched};
use super::latest;
use super::many::marked;
use super::running::patience;
use crate::args::{
    CancelArgs, FollowArgs, Format, MarkArgs, PauseArgs, ResumeArgs, RetryArgs,
    RetryDefinition as Wanted, TriggerArgs,
};
use crate::console::remark;
use crate::error::CliError;
use crate::exit::Exit;
use crate::looking::given_params;
use crate::output::{document, printable};
use crate::project::is_path;
use crate::run_name::Several;
use crate::server::{Manner, Server};
use crate::surface::Surface;
use crate::times;

pub(super) async fn trigger(
    server: &Server,
    args: TriggerArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let patience = patience(args.wait.as_deref())?;
    parse_duration(&args.valid_for)
        .map_err(|error| CliError::usage(format!("--valid-for: {error}")))?;
    let body = TriggerBody {
        params: given_params(&args.given, surface)?,
        ingestion_id: args.given.ingestion_id.clone(),
        at: args.given.at.clone(),
        idempotency_key: args.idempotency_key,
        callback_url: None,
    };
    let made = server.trigger(id_of_dag(&args.dag)?, &body).await?;
    if args.given.at.is_some() {
        let at = times::json(made.head.logical_time);
        remark(surface, &format!("--at is {at}"));
    }
    if args.wait.is_none() {
        match surface.format() {
            Format::Table => crate::console::emit(&format!("{}\n", made.head.id))?,
            format => document(format, &made.head)?,
        }
        return Ok(Exit::Success);
    }
    eprintln!("run {} of {}", made.head.id, made.head.dag);
    let manner = Manner {
        cancel_on_interrupt: args.cancel_on_interrupt,
        patience,
    };
    server
        .follow(&run_of(&made.head.id)?, manner, surface)
        .await
}

pub(super) async fn follow(
    server: &Server,
    args: &FollowArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let run = server.find(&args.run, Several::Newest).await?;
    let manner = Manner {
        cancel_on_interrupt: args.cancel_on_interrupt,
        patience: None,
    };
    server.follow(&run, manner, surface).await
}

pub(super) async fn cancel(
    server: &Server,
    args: CancelArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let run = acted_on(server, one_run(args.run.as_ref())?).await?;
    let body = CancelBody {
        reason: args.reason,
    };
    let acted = server.cancel(&run, args.dry_run, &body).await?;
    let done = format!("run {run} is being cancelled\n  see its end:  noctule follow {run}");
    say(surface, &run, &acted, "would be cancelled", &done)
}

pub(super) async fn retry(
    server: &Server,
    args: RetryArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let run = acted_on(server, one_run(args.run.as_ref())?).await?;
    let body = RetryBody {
        tasks: args.task,
        downstream: args.downstream,
        all: args.all,
        definition: match args.definition {
            Wanted::Pinned => RetryDefinition::Pinned,
            Wanted::Latest => RetryDefinition::Latest,
        },
        reason: args.reason,
    };
    let acted = server.retry(&run, args.dry_run, &body).await?;
    if args.definition == Wanted::Latest {
        return latest::show(&acted, surface);
    }
    let done = format!(
        "run {run} goes on: {} begin anew\n  follow it:  noctule follow {run}",
        listed(&acted.tasks)
    );
    say(surface, &run, &acted, "would begin anew", &done)
}

pub(super) async fn mark(
    server: &Server,
    args: &MarkArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let (run, task, verdict) = marked(args)?;
    let run = acted_on(server, run.unwrap_or_default()).await?;
    let unknown = |_| {
        let task = printable(task);
        CliError::not_found(format!("run {run} has no task `{task}`"))
    };
    let target: TaskTarget = task.parse().map_err(unknown)?;
    let body = MarkBody {
        state: match verdict {
            Verdict::Failed => MarkedAs::Failed,
            Verdict::Skipped => MarkedAs::Skipped,
            _ => MarkedAs::Succeeded,
        },
        leave_running: args.leave_running,
        reason: args.reason.clone(),
    };
    let word = verdict.word();
    let done = format!("{target} of run {run} is marked {word}");
    let acted = server.mark(&run, target, args.dry_run, &body).await?;
    say(
        surface,
        &run,
        &acted,
        &format!("would be marked {word}"),
        &done,
    )
}

pub(super) async fn pause(
    server: &Server,
    args: PauseArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let body = PauseBody {
        reason: args.reason,
    };
    let dag = id_of_dag(&args.dag)?;
    let acted = server.pause(dag, &body).await?;
    let done =
        format!("{dag} is paused: its ticks make no runs\n  resume it:  noctule resume {dag}");
    say_done(surface, None, acted.existing, &acted.notes, &done)
}

pub(super) async fn resume(
    server: &Server,
    args: ResumeArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let body = ResumeBody {
        catchup: args.catchup,
    };
    let dag = id_of_dag(&args.dag)?;
    let acted = server.resume(dag, &body).await?;
    let done = format!("{dag} fires again");
    say_done(surface, None, acted.existing, &acted.notes, &done)
}

fn say(
    surface: &Surface,
    run: &RunId,
    acted: &Acted,
    would: &str,
    done: &str,
) -> Result<Exit, CliError> {
    if acted.dry_run {
        return say_touched(surface, run, &acted.tasks, would);
    }
    say_done(surface, Some(run), acted.existing, &acted.notes, done)
}

/// A run that is acted on is never guessed.
async fn acted_on(server: &Server, name: &str) -> Result<RunId, CliError> {
    server.find(name, Several::Refuse).await
}

/// A server knows DAGs by their ids, and no files.
fn id_of_dag(named: &str) -> Result<&str, CliError> {
    if is_path(named) {
        let error = CliError::usage(format!("`{}` is a path", printable(named)));
        return Err(error.help("with --server a DAG is named by its id"));
    }
    Ok(named)
}

fn run_of(id: &str) -> Result<RunId, CliError> {
    id.parse()
        .map_err(|_| CliError::unreachable("the server gave a run without a name"))
}
