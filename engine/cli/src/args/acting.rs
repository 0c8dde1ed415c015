//! The arguments of commands that act.

use clap::{Args, ValueEnum};

use super::GivenArgs;

/// `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Needs no server. If an engine already holds the store, the run is handed to it and followed.

Examples:
  noctule run nightly
  noctule run dags/nightly.toml --param file_id=7 --profile local
  noctule run nightly --at \"2026-01-13 23:00\" -o json")]
pub(crate) struct RunArgs {
    /// The DAG: its id, or the path of its file
    pub(crate) dag: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Ctrl-C cancels the run and waits for its end, instead of leaving it
    #[arg(long)]
    pub(crate) cancel_on_interrupt: bool,
}

/// `follow`.
#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
    /// Ctrl-C cancels the run and waits for its end, instead of leaving it
    #[arg(long)]
    pub(crate) cancel_on_interrupt: bool,
}

/// `trigger`.
#[derive(Debug, Args)]
#[command(after_help = "\
With no engine running the ask is kept, and dropped visibly after --valid-for.

Examples:
  noctule trigger nightly --idempotency-key order-17
  noctule trigger nightly --wait=2h -o json")]
pub(crate) struct TriggerArgs {
    /// The DAG: its id, or the path of its file
    pub(crate) dag: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Follow the run to its end; with a time, give up then (exit code 7)
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) wait: Option<String>,
    /// The same key gives the same run
    #[arg(long, value_name = "K")]
    pub(crate) idempotency_key: Option<String>,
    /// How long the ask is kept while no engine runs
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) valid_for: String,
    /// Ctrl-C cancels the run and waits for its end, instead of leaving it
    #[arg(long)]
    pub(crate) cancel_on_interrupt: bool,
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where the API listens (`engine.listen`)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Attempts that may hold a slot at once (`engine.slots`)
    #[arg(long, value_name = "N")]
    pub(crate) slots: Option<u32>,
}

/// Which runs, of commands that can act over many.
#[derive(Debug, Default, Args)]
pub(crate) struct ManyArgs {
    /// Runs of this DAG, with --from and --to
    #[arg(
        long,
        value_name = "D",
        requires = "from",
        requires = "to",
        conflicts_with = "run"
    )]
    pub(crate) dag: Option<String>,
    /// From this time
    #[arg(long, value_name = "T", allow_hyphen_values = true, requires = "dag")]
    pub(crate) from: Option<String>,
    /// To this time
    #[arg(long, value_name = "T", allow_hyphen_values = true, requires = "dag")]
    pub(crate) to: Option<String>,
    /// Only runs in this state
    #[arg(long, value_name = "S", requires = "dag")]
    pub(crate) state: Option<String>,
    /// At most so many at once
    #[arg(long, value_name = "N", requires = "dag")]
    pub(crate) max_parallel: Option<u32>,
}

/// `retry`.
#[derive(Debug, Args)]
#[command(after_help = "\
Takes failed tasks and what follows them, as a new round of the same run.

Examples:
  noctule retry nightly@latest
  noctule retry nightly@latest --task convert --downstream --dry-run")]
pub(crate) struct RetryArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    #[arg(required_unless_present = "dag")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
    /// Exactly this task; may be given again
    #[arg(long, value_name = "T")]
    pub(crate) task: Vec<String>,
    /// Everything after them, too
    #[arg(long)]
    pub(crate) downstream: bool,
    /// Every task
    #[arg(long, conflicts_with = "task")]
    pub(crate) all: bool,
    /// Which definition of the DAG
    #[arg(long, value_enum, default_value_t = RetryDefinition::Pinned)]
    pub(crate) definition: RetryDefinition,
    /// Print what would be touched, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why; kept with the run
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// Which definition a retry takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryDefinition {
    /// The one that the run is pinned to
    Pinned,
    /// Today's (not built yet)
    Latest,
}

/// `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    #[arg(required_unless_present = "dag")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
    /// Detached work, too (not built yet)
    #[arg(long)]
    pub(crate) detached: bool,
    /// Print what would be touched, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why; kept with the run
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `mark`.
#[derive(Debug, Args)]
#[command(after_help = "\
Running work is stopped first.

Examples:
  noctule mark nightly@latest convert succeeded --reason \"done by hand\"")]
pub(crate) struct MarkArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
    /// The task
    pub(crate) task: String,
    /// How it ended
    #[arg(value_enum)]
    pub(crate) state: MarkedState,
    /// Let running work be
    #[arg(long)]
    pub(crate) leave_running: bool,
    /// Print what would be touched, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why; kept with the run
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// How a task is said to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarkedState {
    /// Good
    Succeeded,
    /// Bad
    Failed,
    /// Neither
    Skipped,
}

/// `backfill`.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The DAG: its id, or the path of its file
    pub(crate) dag: String,
    /// From this tick, included
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) from: String,
    /// To this tick, included
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) to: String,
    /// Which ticks
    #[arg(long, value_parser = ["missing", "failed", "all"], default_value = "missing")]
    pub(crate) only: String,
    /// At most so many at once
    #[arg(long, value_name = "N")]
    pub(crate) max_parallel: Option<u32>,
    /// Print what would be touched, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The DAG
    pub(crate) dag: String,
    /// Why; kept with the DAG
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The DAG
    pub(crate) dag: String,
    /// Runs for the ticks of the pause, too
    #[arg(long)]
    pub(crate) catchup: bool,
}

/// `reload`.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    /// Only check what would be loaded
    #[arg(long)]
    pub(crate) check: bool,
}

/// `sweep`.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks where runs of the last 30 days, live runs and the DAG files send their work, and lists what still runs there under
this store's mark though no live run wants it: `ended` (its attempt is over), `unrecorded` (the store knows no such
attempt), `double` (a second one under a live key), `unwatched`, and with --detached what was left to itself. Work of
strangers and of other stores is never looked at twice.

Only `ended` work is ever stopped, and with --detached what was detached. Exit code 6: a place could not be looked at, or
work could not be asked to stop; 7: it was asked, and has not ended within 2 minutes.

Examples:
  noctule sweep
  noctule sweep --stop
  noctule sweep --detached -o jsonl")]
pub(crate) struct SweepArgs {
    /// Stop what is on record as ended
    #[arg(long)]
    pub(crate) stop: bool,
    /// Detached work, too
    #[arg(long)]
    pub(crate) detached: bool,
}
