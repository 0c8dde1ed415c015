//! The arguments of commands that only look.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `check`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Without a FILE the whole project is checked. Every problem has its FILE:LINE:COLUMN; exit code 2 if any is an error.

Examples:
  noctule check
  noctule check dags/nightly.toml
  noctule check -o json")]
pub(crate) struct CheckArgs {
    /// DAG files; others of the project are left alone
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// What a run is given, of `plan`, `run` and `trigger`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GivenArgs {
    /// A parameter, as k=v; a text is read as the parameter's type
    #[arg(long = "param", value_name = "K=V")]
    pub(crate) param: Vec<String>,
    /// Parameters as one JSON object: @FILE, or - for stdin. `--param` goes before it
    #[arg(long, value_name = "@FILE|-")]
    pub(crate) params: Option<String>,
    /// An ingestion id of 8 or 14 digits, instead of the one of the nominal time
    #[arg(long, value_name = "ID")]
    pub(crate) ingestion_id: Option<String>,
    /// The nominal time [default: now]
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) at: Option<String>,
}

/// `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
What only the run can know stands as <run.id>, <attempt key> or <tasks.NAME.output…>; secrets stay references.

Examples:
  noctule plan nightly
  noctule plan dags/nightly.toml --param file_id=7 --at \"2026-01-13 23:00\"
  noctule plan nightly -o jsonl | jq .request")]
pub(crate) struct PlanArgs {
    /// The DAG: its id, or the path of its file
    pub(crate) dag: String,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
}

/// `runs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule runs --dag nightly --since -7d
  noctule runs --state failed -o json")]
pub(crate) struct RunsArgs {
    /// Of this DAG
    #[arg(long, value_name = "D")]
    pub(crate) dag: Option<String>,
    /// In this state
    #[arg(long, value_name = "S", value_parser = ["queued", "running", "succeeded", "failed", "cancelled", "timed_out"])]
    pub(crate) state: Option<String>,
    /// Created at this time or later
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

/// `tonight`.
#[derive(Debug, Args)]
#[command(after_help = "\
The past 24 hours and the coming ones, as on the page Tonight. Late: a tick has passed, and no engine has decided about it.
Failed: no later run of the DAG went well. Wants a person: work that cannot be watched, an outcome that nobody knows, a file
or a trigger that makes no runs.

Exit code: 0 nothing is late or failed, and nothing wants a person; 1 something is or does. What runs is no reason for 1, nor
is that no engine runs now: then the next tick is late a minute after it was due. 6: nobody can say.

Examples:
  noctule tonight
  noctule tonight --short               one line, for a prompt
  noctule tonight --quiet || page-me    the exit code alone, for cron")]
pub(crate) struct TonightArgs {
    /// One line: how many failed, are late, want a person, are under way
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) short: bool,
    /// Nothing: the exit code says it
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `top`.
#[derive(Debug, Args)]
#[command(after_help = "\
What runs and what waits, with its gate and since when, pools and slots, what is late or failed, and the next ticks. Redrawn
when something changes, and each second. `q` ends it; so do Ctrl-C and SIGTERM (130). Where stdout is no terminal, or with
-o json, it is printed once.

Examples:
  noctule top
  noctule --server https://noctule.example.com top
  noctule top --once")]
pub(crate) struct TopArgs {
    /// Print it once, and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
}

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
}

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
The journal keeps what the engine heard: answers, deadlines, people. It is heard once more by this binary, from the store
alone: no project file, secret, clock or network is asked, and nothing is started or changed. Each event is shown with the
decisions that followed and what was to be done, and the run it makes is compared with the stored one.

A live run is replayed as far as it has come. Exit code 1: something differs, and the first difference is shown.
Exit code 4: the run was recorded by an earlier noctule, which kept only what it decided.

Examples:
  noctule replay @latest
  noctule replay nightly@20260113140000 -o jsonl
  noctule replay --all --dag nightly")]
pub(crate) struct ReplayArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    #[arg(required_unless_present = "all")]
    pub(crate) run: Option<String>,
    /// Every run of the store, a line each
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,
    /// With --all: of this DAG
    #[arg(long, value_name = "D", requires = "all")]
    pub(crate) dag: Option<String>,
}

/// `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule logs @latest convert
  noctule logs nightly@latest convert -f
  noctule logs nightly@20260113140000 convert --attempt all --tail 50")]
pub(crate) struct LogsArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
    /// The task; may be left out if only one has a log
    pub(crate) task: Option<String>,
    /// Go on until the attempt has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The number of the attempt, or `all` [default: the last one]
    #[arg(long, value_name = "N|all")]
    pub(crate) attempt: Option<String>,
    /// Only the last N lines
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule explain @latest
  noctule explain nightly@latest convert")]
pub(crate) struct ExplainArgs {
    /// The run: its id, @latest, DAG@latest or DAG@INGESTION_ID
    pub(crate) run: String,
    /// Only this task
    pub(crate) task: Option<String>,
}

/// `next`.
#[derive(Debug, Args)]
#[command(after_help = "\
Ticks are strictly after --from and up to --to.

Examples:
  noctule next nightly --count 14
  noctule next nightly --from 2026-03-01 --to 2026-04-01 -o json")]
pub(crate) struct NextArgs {
    /// The DAG: its id, or the path of its file
    pub(crate) dag: String,
    /// How many [default: 10; with --to, all up to 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: Option<u32>,
    /// After this time [default: now]
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
}

/// `graph`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule graph nightly
  noctule graph nightly --format mermaid --run nightly@latest")]
pub(crate) struct GraphArgs {
    /// The DAG: its id, or the path of its file
    #[arg(required_unless_present = "run")]
    pub(crate) dag: Option<String>,
    /// The form of the picture
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
    /// With the states of this run, in the version that it is pinned to
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// The form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// One task a line, below those that it depends on
    Text,
    /// A picture for a browser or a document, in light and dark
    Svg,
    /// Graphviz
    Dot,
    /// Mermaid
    Mermaid,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The DAG: its id, or the path of its file [default: all]
    pub(crate) dag: Option<String>,
    /// Print the least rights that the DAGs need, as an IAM policy (AWS) or a custom role (Google); asks nobody
    #[arg(long)]
    pub(crate) policy: bool,
}

/// `sim`.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    pub(crate) which: Simulated,
}

/// What is simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulated {
    /// Google Cloud Run jobs, with their logs
    #[command(after_help = "\
The jobs are those of [simulator.jobs] in noctule.toml, or of --config (a TOML file with the same table).

Examples:
  noctule sim cloud-run --listen 127.0.0.1:8080
  noctule sim cloud-run --config jobs.toml")]
    CloudRun {
        /// Where to listen; this machine only
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// A TOML file with `[simulator]`, or with its keys at the top
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Amazon ECS tasks on Fargate, with their logs and target groups
    #[command(after_help = "\
The families of task definitions are the jobs of [simulator.jobs] in noctule.toml, or of --config (a TOML file with the same
table). Faults to order: POST /_simulator/faults, such as {\"fault\": \"throttled\", \"action\": \"DescribeTasks\"}; the state:
GET /_simulator/state.

Examples:
  noctule sim ecs --listen 127.0.0.1:8081
  AWS_ENDPOINT_URL=http://127.0.0.1:8081 aws ecs list-tasks")]
    Ecs {
        /// Where to listen; this machine only
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        /// A TOML file with `[simulator]`, or with its keys at the top
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `completion`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule completion bash > /etc/bash_completion.d/noctule
  noctule completion zsh > ~/.zfunc/_noctule")]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule schema dag > dag.schema.json
  noctule schema project > noctule.schema.json")]
pub(crate) struct SchemaArgs {
    /// Which file
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

/// Which file a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A DAG file
    Dag,
    /// noctule.toml
    Project,
}

/// `notify`.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// List messages and what came of them, newest first
    #[command(after_help = "\
Example:
  noctule notify list --failed")]
    List {
        /// Only those that did not arrive (yet)
        #[arg(long)]
        failed: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Send a test message to a receiver, now, and say whether it was taken
    #[command(after_help = "\
Example:
  noctule notify test oncall")]
    Test {
        /// The receiver, [notify.NAME] of the project file
        name: String,
    },
    /// Send messages again that were given up, under their ids
    #[command(after_help = "\
Examples:
  noctule notify resend msg_0123456789abcdef0123456789abcdef
  noctule notify resend --given-up")]
    Resend {
        /// The message, as `notify list` shows it
        #[arg(required_unless_present = "given_up", conflicts_with = "given_up")]
        message: Option<String>,
        /// Every message that was given up, at most 1000 of them, the newest
        #[arg(long)]
        given_up: bool,
    },
}
