//! The command line of Noctule, and the way to build one with executors of your own.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     noctule::main_with(noctule::standard()) // .with(MyExecutor::default())
//! }
//! ```
//!
//! Guarantees: data goes to stdout and everything else to stderr; every end has an exit code of the contract; a command
//! that needs no runtime starts none, and a command that only looks makes no state.

/// What is said to people on stderr: as it stands, or as a log line where those are JSON. In this crate it stands for the
/// macro of the same name, so that no line is forgotten.
macro_rules! eprintln {
    ($($said:tt)*) => {
        $crate::console::say(&format!($($said)*))
    };
}

/// The same of a text that ends its own lines.
macro_rules! eprint {
    ($($said:tt)*) => {
        $crate::console::say(format!($($said)*).trim_end_matches('\n'))
    };
}

mod acting;
mod admitting;
mod args;
mod console;
mod error;
mod exit;
mod looking;
mod output;
mod progress;
mod project;
mod run_name;
mod server;
mod simulator;
mod storing;
mod surface;
mod times;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use noctule_executor::Registry;
use noctule_store::CommitHook;

use crate::args::Cli;
use crate::exit::Exit;
use crate::surface::Surface;

/// The executors and event sources of this repository.
#[must_use]
pub fn standard() -> Registry {
    let databases = noctule_postgres::Databases::new();
    noctule_runtime::executors::with_dags(Registry::new())
        .with(noctule_process::Process::default())
        .with(noctule_http::Http::new())
        .with(noctule_cloud_run::CloudRun::new())
        .with(noctule_fargate::Fargate::new())
        .with(noctule_postgres::PostgresStep::new(&databases))
        .with(noctule_postgres::Sql::new(&databases))
        .with(noctule_postgres::Postgres::new(&databases))
        .with(noctule_postgres::SqlSensor::new(&databases))
        .with_vault(noctule_cloud_run::SecretManager::new())
        .with_vault(noctule_fargate::SecretsManager::new())
        .with_source(noctule_postgres::PostgresTrigger::new(&databases))
}

/// The whole program, with these executors: reads the arguments of the process, does what they ask, and says how it ended.
#[must_use]
pub fn main_with(registry: Registry) -> ExitCode {
    program(registry, None)
}

/// The same for a test that ends the process around a commit. The program of this crate has no such place.
#[doc(hidden)]
#[must_use]
pub fn main_with_hook(registry: Registry, hook: Arc<dyn CommitHook>) -> ExitCode {
    program(registry, Some(hook))
}

fn program(registry: Registry, hook: Option<Arc<dyn CommitHook>>) -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| OsString::from("noctule"));
    let first = std::env::args_os().nth(1);
    // Before anything else: a supervisor must not have read arguments, started threads or opened files of ours.
    if first.as_deref() == Some(noctule_process::supervisor::HIDDEN_NAME.as_ref()) {
        return noctule_process::supervisor::main(args.skip(1));
    }
    match Cli::try_parse_from(std::iter::once(program).chain(args)) {
        Ok(cli) => obey(cli, registry, hook).into(),
        Err(told) => tell(&told).into(),
    }
}

fn obey(cli: Cli, registry: Registry, hook: Option<Arc<dyn CommitHook>>) -> Exit {
    let mut surface = Surface::new(cli.globals, registry);
    surface.hook = hook;
    let done =
        console::start_logging(&surface).and_then(|()| args::dispatch(cli.command, &surface));
    match done {
        Ok(exit) => exit,
        Err(error) => error.tell(&surface),
    }
}

/// Help and version are asked for, and go to stdout; everything else that clap says is a usage error.
fn tell(told: &clap::Error) -> Exit {
    let exit = if told.use_stderr() {
        Exit::Usage
    } else {
        Exit::Success
    };
    match told.print() {
        Ok(()) => exit,
        // Whoever read the help has closed the pipe.
        Err(_) => exit,
    }
}
