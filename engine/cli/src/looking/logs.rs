//! `logs`: what a task wrote; bytes on stdout and nothing else. Works without an engine, from the stored handle.

use std::sync::Arc;
use std::time::Duration;

use noctule_core::run::{Attempt, AttemptState, Handle, Run, TaskRunIx};
use noctule_executor::{AnyExecutor, Context, ExecutorError, LogCursor};

use super::explain::task_of;
use super::story::Story;
use super::tail::Tail;
use crate::args::LogsArgs;
use crate::console::{emit_bytes, remark};
use crate::error::CliError;
use crate::exit::Exit;
use crate::server::Server;
use crate::simulator::{self, Addresses};
use crate::surface::Surface;

/// How long to rest before a live log is looked at again.
const REST: Duration = Duration::from_millis(700);
/// How often a log that cannot be read is tried again, when it is followed.
const TRIES: u32 = 20;

/// One log to read.
struct Source {
    executor: Arc<dyn AnyExecutor>,
    context: Context,
    task: TaskRunIx,
    number: u32,
    /// It goes through a connection to a simulator.
    simulated: bool,
}

/// Prints the log of a task.
pub(crate) async fn logs(args: &LogsArgs, surface: &Surface) -> Result<Exit, CliError> {
    if let Some(server) = Server::of(surface)? {
        return super::remote_logs::logs(&server, args, surface).await;
    }
    let mut story = Story::find(surface, &args.run).await?;
    let task = which(&story, args.task.as_deref())?;
    let numbers = numbers(&story, task, args.attempt.as_deref())?;
    let Some(last) = numbers.last().copied() else {
        let name = story.run.name_of(&story.dag, task);
        remark(surface, &format!("`{name}` has not been tried yet"));
        return Ok(Exit::Success);
    };
    for number in numbers {
        let source = source(&story, surface, task, number)?;
        // Only the last attempt can still be at work.
        let follow = args.follow && number == last;
        read(&mut story, &source, follow, args.tail, surface).await?;
    }
    Ok(Exit::Success)
}

/// The task that is named, or the only one that has been tried.
fn which(story: &Story, name: Option<&str>) -> Result<TaskRunIx, CliError> {
    if let Some(name) = name {
        return task_of(story, name);
    }
    let runs = (0u32..).map(TaskRunIx).zip(&story.run.tasks);
    let tried: Vec<TaskRunIx> = runs
        .filter(|(_, task)| !task.attempts.is_empty())
        .map(|(ix, _)| ix)
        .collect();
    match tried.as_slice() {
        [only] => Ok(*only),
        [] => Err(CliError::not_found(format!(
            "no task of run {} has been tried yet",
            story.run.facts.id
        ))),
        several => {
            let names: Vec<String> = several
                .iter()
                .take(20)
                .map(|task| story.run.name_of(&story.dag, *task))
                .collect();
            Err(CliError::usage("several tasks have a log")
                .help(format!("name one: {}", names.join(", "))))
        }
    }
}

fn numbers(story: &Story, task: TaskRunIx, asked: Option<&str>) -> Result<Vec<u32>, CliError> {
    let all: Vec<u32> = story.run.tasks[task.index()]
        .attempts
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    match asked {
        None => Ok(all.last().copied().into_iter().collect()),
        Some("all") => Ok(all),
        Some(number) => {
            let wrong =
                || CliError::usage(format!("--attempt {number}: expected a number or `all`"));
            let number: u32 = number.parse().map_err(|_| wrong())?;
            if all.contains(&number) {
                return Ok(vec![number]);
            }
            let name = story.run.name_of(&story.dag, task);
            Err(CliError::not_found(format!(
                "`{name}` has no attempt {number}, it has {}",
                all.len()
            )))
        }
    }
}

fn source(
    story: &Story,
    surface: &Surface,
    task: TaskRunIx,
    number: u32,
) -> Result<Source, CliError> {
    let kind = &story.run.tasks[task.index()]
        .definition(&story.dag)
        .executor;
    let missing = || CliError::usage(format!("this noctule has no executor `{kind}`"));
    let executor = Arc::clone(surface.registry.get(kind).ok_or_else(missing)?);
    let project = story.open.project()?;
    let address = Addresses::expected(project, &story.open.state_dir()?);
    let surroundings = story.open.surroundings(surface, &story.store, address)?;
    let connection = attempt(&story.run, task, number)
        .and_then(|attempt| attempt.prepared.connection.as_deref());
    let context = surroundings.context(story.run.facts.dag.as_str(), connection);
    let asked = connection.and_then(|name| project.connections.get(name));
    let simulated = asked.is_some_and(simulator::is_wanted);
    Ok(Source {
        executor,
        context,
        task,
        number,
        simulated,
    })
}

fn attempt(run: &Run, task: TaskRunIx, number: u32) -> Option<&Attempt> {
    run.tasks[task.index()]
        .attempts
        .iter()
        .find(|attempt| attempt.number == number)
}

fn handle(attempt: &Attempt) -> Option<&Handle> {
    match &attempt.state {
        AttemptState::Launching(_) => None,
        AttemptState::Running(work) => Some(&work.handle),
        AttemptState::Cancelling(work) => Some(&work.handle),
        AttemptState::Ended(ended) => ended.handle.as_ref(),
    }
}

/// Reads one log to its end; with `follow`, on until the attempt has ended and nothing more comes.
async fn read(
    story: &mut Story,
    source: &Source,
    follow: bool,
    tail: Option<usize>,
    surface: &Surface,
) -> Result<(), CliError> {
    let mut cursor: Option<LogCursor> = None;
    let mut kept = tail.map(Tail::new);
    let mut failures = 0;
    loop {
        let Some(attempt) = attempt(&story.run, source.task, source.number) else {
            return Ok(());
        };
        let over = matches!(attempt.state, AttemptState::Ended(_));
        let mut drained = true;
        if let Some(handle) = handle(attempt) {
            match source
                .executor
                .logs(&source.context, &handle.raw, cursor.as_ref())
                .await
            {
                Ok(page) => {
                    failures = 0;
                    drained = page.drained;
                    match &mut kept {
                        Some(tail) => tail.push(&page.bytes),
                        None => emit_bytes(&page.bytes)?,
                    }
                    cursor = page.next.or(cursor);
                }
                Err(error) if follow && failures < TRIES => {
                    failures += 1;
                    tracing::warn!(%error, "the log could not be read this time");
                }
                Err(error) => return Err(unreadable(&error, source)),
            }
        } else if over {
            remark(
                surface,
                "the attempt ended without ever being known to run: it has no log",
            );
        }
        if !drained {
            continue;
        }
        if let Some(tail) = kept.take() {
            emit_bytes(&tail.bytes())?;
        }
        if over || !follow {
            return Ok(());
        }
        tokio::time::sleep(REST).await;
        refresh(story).await?;
    }
}

async fn refresh(story: &mut Story) -> Result<(), CliError> {
    if let Some(run) = story.store.run(&story.run.facts.id).await? {
        story.run = run;
    }
    Ok(())
}

fn unreadable(error: &ExecutorError, source: &Source) -> CliError {
    let told = CliError::unreachable(format!("the log cannot be read: {error}"));
    if source.simulated {
        return told.help(
            "a simulator runs inside the engine that started it, and keeps nothing when that ends",
        );
    }
    told
}
