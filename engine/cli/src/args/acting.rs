//! The arguments of commands that act.

use clap::{Args, Subcommand, ValueEnum};

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
    /// Runs of this DAG, with --from and --to, --state or --ingestion-id
    #[arg(long, value_name = "D")]
    pub(crate) dag: Option<String>,
    /// With a nominal time from this one on
    #[arg(
        long,
        value_name = "T",
        allow_hyphen_values = true,
        requires = "dag",
        requires = "to"
    )]
    pub(crate) from: Option<String>,
    /// Up to this one, included; a bare date is the whole day
    #[arg(
        long,
        value_name = "T",
        allow_hyphen_values = true,
        requires = "dag",
        requires = "from"
    )]
    pub(crate) to: Option<String>,
    /// Only runs in this state
    #[arg(long, value_name = "S", requires = "dag", value_parser = ["queued", "running", "succeeded", "failed", "cancelled", "timed_out"])]
    pub(crate) state: Option<String>,
    /// Only runs with this ingestion id; may be given again
    #[arg(long, value_name = "ID", requires = "dag")]
    pub(crate) ingestion_id: Vec<String>,
    /// Ask for the next one only while fewer than N of them are under way
    #[arg(long, value_name = "N", requires = "dag", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_parallel: Option<u32>,
    /// Do it without asking back
    #[arg(long, requires = "dag")]
    pub(crate) yes: bool,
}

/// `retry`.
#[derive(Debug, Args)]
#[command(after_help = "\
Takes failed tasks and what follows them, as a new round of the same run.

Examples:
  noctule retry nightly@latest
  noctule retry nightly@latest --task convert --downstream --dry-run
  noctule retry --dag nightly --from 2026-01-10 --to 2026-01-13 --state failed --dry-run")]
pub(crate) struct RetryArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    #[arg(required_unless_present = "dag", conflicts_with = "dag")]
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
    /// Today's: the run goes over to it; the differences are shown
    Latest,
}

/// `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    #[arg(required_unless_present = "dag", conflicts_with = "dag")]
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
Running work is stopped first. STATE is succeeded, failed or skipped.

Examples:
  noctule mark nightly@latest convert succeeded --reason \"done by hand\"
  noctule mark --dag nightly --from 2026-01-10 --to 2026-01-13 convert skipped --dry-run")]
pub(crate) struct MarkArgs {
    /// The run, the task, and how it ended; with --dag only the task and how it ended
    #[arg(value_names = ["RUN", "TASK", "STATE"], num_args = 2..=3, required = true)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) many: ManyArgs,
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

/// `backfill`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Makes runs for past ticks, a few at a time, behind everything else: tonight's runs go first. `failed` and `all` begin the
runs anew that are there, under their ids. The plan is shown first; at a terminal it asks before it begins.

Examples:
  noctule backfill nightly --from 2026-01-01 --to 2026-01-13 --dry-run
  noctule backfill nightly --from 20260101140000 --to 20260113140000 --only failed --max-parallel 3
  noctule backfill show 019b2c3d-0f7e-7c31-9d55-2f8f7c0f6a10")]
pub(crate) struct BackfillArgs {
    #[command(subcommand)]
    pub(crate) act: Option<BackfillCommand>,
    /// The DAG: its id, or the path of its file
    #[arg(required = true)]
    pub(crate) dag: Option<String>,
    /// From this tick, included
    #[arg(long, value_name = "T", allow_hyphen_values = true, required = true)]
    pub(crate) from: Option<String>,
    /// To this tick, included; a bare date is the whole day
    #[arg(long, value_name = "T", allow_hyphen_values = true, required = true)]
    pub(crate) to: Option<String>,
    /// Which ticks
    #[arg(long, value_parser = ["missing", "failed", "all"], default_value = "missing")]
    pub(crate) only: String,
    /// At most so many at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) max_parallel: u32,
    /// Print the plan, and touch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do it without asking back
    #[arg(long)]
    pub(crate) yes: bool,
    /// Why; kept with the backfill
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// What can be done with a backfill that is there.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BackfillCommand {
    /// List the backfills, newest first
    List {
        /// Of this DAG
        #[arg(long, value_name = "D")]
        dag: Option<String>,
        /// Only those that are not over
        #[arg(long)]
        live: bool,
    },
    /// Show how far one is, why it waits, and each of its nights
    Show {
        /// The backfill
        id: String,
    },
    /// Begin no more of its nights; what is under way goes on
    Pause {
        /// The backfill
        id: String,
        /// Why; kept with the backfill
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Begin its nights again
    Resume {
        /// The backfill
        id: String,
    },
    /// End it: no more nights, and its runs are cancelled
    Cancel {
        /// The backfill
        id: String,
        /// Why; kept with the backfill
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
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
