//! `logs --server`: the same bytes, in the parts that the server gives.

use std::time::Duration;

use noctule_core::view::{RunView, TaskView};

use super::tail::Tail;
use crate::args::LogsArgs;
use crate::console::{emit_bytes, remark};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::printable;
use crate::run_name::Several;
use crate::server::Server;
use crate::surface::Surface;

/// How long to rest before a live log is looked at again.
const REST: Duration = Duration::from_millis(700);

/// Prints the log of a task.
pub(super) async fn logs(
    server: &Server,
    args: &LogsArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let run = server.find(&args.run, Several::Newest).await?;
    let view = server.run(&run).await?;
    let task = which(&view, args.task.as_deref())?;
    let numbers = numbers(task, args.attempt.as_deref())?;
    let Some(last) = numbers.last().copied() else {
        remark(surface, &format!("`{}` has not been tried yet", name(task)));
        return Ok(Exit::Success);
    };
    for number in numbers {
        // Only the last attempt can still be at work.
        let follow = args.follow && number == last;
        read(server, &task.id, number, follow, args.tail).await?;
    }
    Ok(Exit::Success)
}

fn name(task: &TaskView) -> String {
    task.map_key
        .as_ref()
        .map_or_else(|| task.task.clone(), |key| format!("{}[{key}]", task.task))
}

/// The task that is named, or the only one that has been tried.
fn which<'v>(view: &'v RunView, named: Option<&str>) -> Result<&'v TaskView, CliError> {
    let fits = |task: &&TaskView| match named {
        Some(named) => name(task) == named || task.task == named,
        None => !task.attempts.is_empty(),
    };
    let found: Vec<&TaskView> = view.tasks.iter().filter(fits).collect();
    let run = &view.head.id;
    match (found.as_slice(), named) {
        ([only], _) => Ok(only),
        ([], None) => Err(CliError::not_found(format!(
            "no task of run {run} has been tried yet"
        ))),
        ([], Some(named)) => {
            let names: Vec<String> = view.tasks.iter().take(20).map(name).collect();
            let named = printable(named);
            let error = CliError::not_found(format!("run {run} has no task `{named}`"));
            Err(error.help(format!("it has {}", names.join(", "))))
        }
        (several, _) => {
            let names: Vec<String> = several.iter().take(20).map(|task| name(task)).collect();
            let error = CliError::usage("several tasks have a log");
            Err(error.help(format!("name one: {}", names.join(", "))))
        }
    }
}

fn numbers(task: &TaskView, asked: Option<&str>) -> Result<Vec<u32>, CliError> {
    let all: Vec<u32> = task.attempts.iter().map(|attempt| attempt.number).collect();
    match asked {
        None => Ok(all.last().copied().into_iter().collect()),
        Some("all") => Ok(all),
        Some(text) => {
            let wrong = || CliError::usage(format!("--attempt {text}: expected a number or `all`"));
            let number: u32 = text.parse().map_err(|_| wrong())?;
            if all.contains(&number) {
                return Ok(vec![number]);
            }
            let said = format!(
                "`{}` has no attempt {number}, it has {}",
                name(task),
                all.len()
            );
            Err(CliError::not_found(said))
        }
    }
}

/// Reads one log to its end; with `follow`, on until the attempt has ended and nothing more comes.
async fn read(
    server: &Server,
    task: &str,
    number: u32,
    follow: bool,
    tail: Option<usize>,
) -> Result<(), CliError> {
    let mut next: Option<String> = None;
    let mut kept = tail.map(Tail::new);
    loop {
        let part = server.log(task, number, next.as_deref()).await?;
        match &mut kept {
            Some(tail) => tail.push(&part.bytes),
            None => emit_bytes(&part.bytes)?,
        }
        next = part.next.or(next);
        if !part.drained {
            continue;
        }
        if let Some(tail) = kept.take() {
            emit_bytes(&tail.bytes())?;
        }
        if part.over || !follow {
            return Ok(());
        }
        tokio::time::sleep(REST).await;
    }
}
