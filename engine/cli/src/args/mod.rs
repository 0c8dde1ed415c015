//! The commands and flags of the contract, and which function each leads to.
//!
//! Guarantees: a command that only reads files starts no runtime.

mod acting;
mod admitting;
mod looking;
mod storing;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::acting::*;
pub(crate) use self::admitting::*;
pub(crate) use self::looking::*;
pub(crate) use self::storing::*;
use crate::error::CliError;
use crate::exit::Exit;
use crate::surface::Surface;

const EXAMPLES: &str = "\
Examples:
  noctule check                         every problem of every file, with its place
  noctule plan nightly --param day=2026-01-13
  noctule run nightly                   run now, here, and follow it to its end
  noctule serve                         fire the schedules until it is stopped
  noctule tonight                       what is late, failed, running and next
  noctule explain @latest               why is it waiting

DAG is an id, or the path of a DAG file. RUN is a run id, @latest, DAG@latest or DAG@INGESTION_ID.
Times are RFC 3339, 2026-01-13 or \"2026-01-13 23:00\" in the DAG's zone, now, -2h, or an ingestion id.

Exit codes: 0 success, 1 the run failed (tonight: somebody should look), 2 usage or validation, 3 not found, 4 conflict, 5 not allowed,
6 store or server not reachable, 7 --wait gave up, 8 the run was cancelled, 130 interrupted.";

/// Runs DAGs of remote work, and remembers all of it
#[derive(Debug, Parser)]
#[command(name = "noctule", version, about, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
#[command(
    propagate_version = false,
    infer_subcommands = false,
    disable_help_subcommand = false
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// The project's folder [default: the nearest one with a noctule.toml, here or above]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// The profile, `[profiles.P]` of noctule.toml [env: NOCTULE_PROFILE]
    #[arg(long, global = true, value_name = "P")]
    pub(crate) profile: Option<String>,
    /// How data is printed
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Ask the server at this address instead of the store; a token is taken from NOCTULE_TOKEN
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The token for --server; others on this machine may see it here
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        conflicts_with = "token_file"
    )]
    pub(crate) token: Option<String>,
    /// A file with the token for --server, which nobody else may read
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How log lines are written on stderr, and all else that is said there [env: NOCTULE_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Say more on stderr; twice for more still
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, for programs that gather logs
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check every file: no store, no network, for CI
    Check(CheckArgs),
    /// Print each request that a run would send, exactly; sends nothing
    Plan(PlanArgs),
    /// Run a DAG now, in this process, and follow it to its end
    Run(RunArgs),
    /// Follow a live run to its end; drive it here if no engine does
    Follow(FollowArgs),
    /// Ask the running engine for a run
    Trigger(TriggerArgs),
    /// Fire schedules and run DAGs, until SIGTERM
    Serve(ServeArgs),
    /// Print what is late, failed, running and next; the exit code says whether somebody should look
    Tonight(TonightArgs),
    /// Watch what runs and waits, live, until q
    Top(TopArgs),
    /// List runs, newest first
    Runs(RunsArgs),
    /// Show one run with its tasks and attempts
    Show(ShowArgs),
    /// Print what a task wrote
    Logs(LogsArgs),
    /// Print the journal of a run
    Events(EventsArgs),
    /// Make the decisions of a recorded run again, and compare them
    Replay(ReplayArgs),
    /// Say why a run or a task is waiting: the exact gate, who holds it, since when
    Explain(ExplainArgs),
    /// Run failed tasks of a run again, and what follows them
    Retry(RetryArgs),
    /// Cancel a run, and wait until its work has stopped
    Cancel(CancelArgs),
    /// Say by hand how a task ended
    Mark(MarkArgs),
    /// Make runs for past ticks, behind everything else; show, pause, resume or cancel that
    Backfill(BackfillArgs),
    /// Print the coming ticks of a DAG, with their ingestion ids
    Next(NextArgs),
    /// Let no ticks of a DAG become runs
    Pause(PauseArgs),
    /// Let ticks become runs again
    Resume(ResumeArgs),
    /// List the DAGs
    Dags,
    /// See what was told to whom, or try a receiver
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Have the engine read the DAG files again
    Reload(ReloadArgs),
    /// Draw a DAG, or a run of it
    Graph(GraphArgs),
    /// Check whether this machine and identity can do all that the DAGs need
    Doctor(DoctorArgs),
    /// Look after the store: check it, back it up, put it back, move it
    #[command(subcommand)]
    Store(StoreCommand),
    /// Make, list and revoke tokens of the API
    #[command(subcommand)]
    Token(TokenCommand),
    /// List who is logged in, and log somebody out
    #[command(subcommand)]
    Session(SessionCommand),
    /// Print who asked for what, newest first
    Audit(AuditArgs),
    /// Find remote work of this store that no live run wants (not built yet)
    Sweep(SweepArgs),
    /// Run a local simulator as a server
    Sim(SimArgs),
    /// Print every effective setting, and where it came from
    Config,
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Print the JSON Schema of a file, for editors
    Schema(SchemaArgs),
}

impl Command {
    /// The name of a command that no server is asked for.
    fn not_by_server(&self) -> Option<&'static str> {
        Some(match self {
            Self::Follow(_)
            | Self::Trigger(_)
            | Self::Tonight(_)
            | Self::Top(_)
            | Self::Runs(_)
            | Self::Show(_)
            | Self::Logs(_)
            | Self::Events(_)
            | Self::Explain(_)
            | Self::Retry(_)
            | Self::Cancel(_)
            | Self::Mark(_)
            | Self::Backfill(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Dags
            | Self::Token(_)
            | Self::Session(_)
            | Self::Audit(_)
            | Self::Notify(NotifyCommand::List { .. } | NotifyCommand::Resend { .. }) => {
                return None;
            }
            Self::Notify(NotifyCommand::Test { .. }) => "notify test",
            Self::Check(_) => "check",
            Self::Plan(_) => "plan",
            Self::Run(_) => "run",
            Self::Serve(_) => "serve",
            Self::Next(_) => "next",
            Self::Reload(_) => "reload",
            Self::Graph(_) => "graph",
            Self::Doctor(_) => "doctor",
            Self::Sweep(_) => "sweep",
            Self::Replay(_) => "replay",
            Self::Store(_) => "store",
            Self::Sim(_) => "sim",
            Self::Config => "config",
            Self::Completion(_) => "completion",
            Self::Schema(_) => "schema",
        })
    }
}

/// Does what a command asks for.
pub(crate) fn dispatch(command: Command, surface: &Surface) -> Result<Exit, CliError> {
    if surface.globals.server.is_some()
        && let Some(name) = command.not_by_server()
    {
        return Err(
            CliError::not_yet(&format!("`noctule {name}` with --server"))
                .help("without --server the project and its store are asked"),
        );
    }
    let token = surface.globals.token.is_some() || surface.globals.token_file.is_some();
    if token && surface.globals.server.is_none() {
        return Err(
            CliError::usage("a token is for a server: name it with --server")
                .help("without --server the project and its store are asked, and need no token"),
        );
    }
    match command {
        Command::Check(args) => crate::looking::check(&args, surface),
        Command::Plan(args) => crate::looking::plan(&args, surface),
        Command::Next(args) => crate::looking::next(&args, surface),
        Command::Config => crate::looking::config(surface),
        Command::Completion(args) => crate::looking::completion(&args),
        Command::Schema(args) => crate::looking::schema(args.of, surface),
        Command::Graph(args) => crate::looking::graph(&args, surface),
        Command::Dags => surface.block_on(crate::looking::dags(surface)),
        Command::Notify(command) => surface.block_on(crate::looking::notify(command, surface)),
        Command::Tonight(args) => surface.block_on(crate::looking::tonight(&args, surface)),
        Command::Top(args) => surface.block_on(crate::looking::top(&args, surface)),
        Command::Runs(args) => surface.block_on(crate::looking::runs(&args, surface)),
        Command::Show(args) => surface.block_on(crate::looking::show(&args, surface)),
        Command::Events(args) => surface.block_on(crate::looking::events(&args, surface)),
        Command::Replay(args) => surface.block_on(crate::looking::replay(&args, surface)),
        Command::Logs(args) => surface.block_on(crate::looking::logs(&args, surface)),
        Command::Explain(args) => surface.block_on(crate::looking::explain(&args, surface)),
        Command::Doctor(args) => surface.block_on(crate::looking::doctor(&args, surface)),
        Command::Sim(args) => surface.block_on(crate::looking::sim(&args, surface)),
        Command::Run(args) => surface.block_on(crate::acting::run(args, surface)),
        Command::Follow(args) => surface.block_on(crate::acting::follow(args, surface)),
        Command::Trigger(args) => surface.block_on(crate::acting::trigger(args, surface)),
        Command::Serve(args) => surface.block_on(crate::acting::serve(args, surface)),
        Command::Retry(args) => surface.block_on(crate::acting::retry(args, surface)),
        Command::Cancel(args) => surface.block_on(crate::acting::cancel(args, surface)),
        Command::Mark(args) => surface.block_on(crate::acting::mark(args, surface)),
        Command::Backfill(args) => surface.block_on(crate::acting::backfill(args, surface)),
        Command::Pause(args) => surface.block_on(crate::acting::pause(args, surface)),
        Command::Resume(args) => surface.block_on(crate::acting::resume(args, surface)),
        Command::Reload(args) => surface.block_on(crate::acting::reload(args, surface)),
        Command::Store(command) => surface.block_on(crate::storing::store(&command, surface)),
        Command::Token(command) => surface.block_on(crate::admitting::token(command, surface)),
        Command::Session(command) => surface.block_on(crate::admitting::session(command, surface)),
        Command::Audit(args) => surface.block_on(crate::admitting::audit(&args, surface)),
        Command::Sweep(args) => surface.block_on(crate::acting::sweep(args, surface)),
    }
}
