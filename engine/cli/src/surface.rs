//! What every command stands on: the global flags, the environment, the clock's reading, the terminal and the executors.
//!
//! Guarantees: environment, folder and time are read once, here, before a command begins.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use noctule_executor::Registry;
use noctule_store::CommitHook;

use crate::args::{Format, Globals, LogFormat};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Style;

/// The surroundings of one command.
#[derive(Clone)]
pub(crate) struct Surface {
    pub(crate) globals: Globals,
    /// The executors of this binary.
    pub(crate) registry: Registry,
    /// The environment; names and values that are no UTF-8 are left out.
    pub(crate) env: BTreeMap<String, String>,
    /// The folder that relative paths begin in.
    pub(crate) here: PathBuf,
    /// When the command began.
    pub(crate) now: DateTime<Utc>,
    /// Whether a person reads stdout.
    pub(crate) stdout_is_terminal: bool,
    /// Whether a person reads stderr.
    pub(crate) stderr_is_terminal: bool,
    /// Called around every commit; none but in tests.
    pub(crate) hook: Option<Arc<dyn CommitHook>>,
}

impl Surface {
    /// Reads the surroundings of this process.
    pub(crate) fn new(globals: Globals, registry: Registry) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            globals,
            registry,
            env: std::env::vars_os().filter_map(text).collect(),
            here: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            now: Utc::now(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            hook: None,
        }
    }

    /// How data is printed.
    pub(crate) fn format(&self) -> Format {
        self.globals.output
    }

    /// How log lines are written.
    pub(crate) fn log_format(&self) -> Result<LogFormat, CliError> {
        let variable = || self.env.get("NOCTULE_LOG_FORMAT").map(String::as_str);
        match (self.globals.log_format, variable()) {
            (Some(format), _) => Ok(format),
            (None, None | Some("" | "text")) => Ok(LogFormat::Text),
            (None, Some("json")) => Ok(LogFormat::Json),
            (None, Some(other)) => Err(CliError::usage(format!(
                "NOCTULE_LOG_FORMAT: `{other}` is not a format of log lines: expected `text` or `json`"
            ))),
        }
    }

    /// Whether a person reads stderr as it is written.
    fn speaks_to_people(&self) -> bool {
        self.stderr_is_terminal && !matches!(self.log_format(), Ok(LogFormat::Json))
    }

    /// Colours for stderr.
    pub(crate) fn style(&self) -> Style {
        Style::new(self.speaks_to_people() && self.may_colour())
    }

    /// Colours for stdout.
    pub(crate) fn data_style(&self) -> Style {
        Style::new(self.stdout_is_terminal && self.may_colour() && self.format() == Format::Table)
    }

    fn may_colour(&self) -> bool {
        let set = |name: &str| self.env.get(name).is_some_and(|value| !value.is_empty());
        !set("NO_COLOR") && self.env.get("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether progress may be drawn: a person looks at stderr, and wants no bare text.
    pub(crate) fn may_draw(&self) -> bool {
        self.speaks_to_people() && self.env.get("TERM").is_none_or(|term| term != "dumb")
    }

    /// Runs what needs sockets, timers or the store, on two threads.
    pub(crate) fn block_on<F>(&self, work: F) -> Result<Exit, CliError>
    where
        F: Future<Output = Result<Exit, CliError>>,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            CliError::unreachable(format!("failed to start the runtime: {error}"))
        })?;
        let done = runtime.block_on(work);
        // A blocking call that hangs (a secret on a dead network drive) must not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_millis(200));
        done
    }
}
