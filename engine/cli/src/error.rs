//! Why a command could not do what it was asked: the message, what to do about it, and the exit code.
//!
//! Guarantees: one lower-case line after `error:`, each way out after `help:`, all on stderr; nothing in it can move the
//! cursor of a terminal.

use noctule_runtime::RuntimeError;
use noctule_store::StoreError;
use thiserror::Error;

use crate::console;
use crate::exit::Exit;
use crate::surface::Surface;

/// What is said to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    message: String,
    help: Vec<String>,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a command ended without having done its work.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// The command itself is wrong.
    #[error("{0}")]
    Usage(Said),
    /// Files have problems; they were told already.
    #[error("{0}")]
    Files(Said),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(Said),
    /// It goes against how things stand.
    #[error("{0}")]
    Conflict(Said),
    /// Not allowed.
    #[error("{0}")]
    NotAllowed(Said),
    /// The store, the engine or the server cannot be reached.
    #[error("{0}")]
    Unreachable(Said),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Nothing can be written to stdout.
    #[error("failed to write the output: {0}")]
    Output(std::io::Error),
    /// Whoever read stdout has had enough.
    #[error("stdout was closed")]
    Closed,
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(Said::new(message))
    }

    pub(crate) fn files(message: impl Into<String>) -> Self {
        Self::Files(Said::new(message))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(Said::new(message))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict(Said::new(message))
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::NotAllowed(Said::new(message))
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::Unreachable(Said::new(message))
    }

    /// Something of the contract that is not built yet: never silence.
    pub(crate) fn not_yet(what: &str) -> Self {
        Self::usage(format!("{what} is not built yet"))
    }

    /// The same error with a way out.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage(said)
            | Self::Files(said)
            | Self::NotFound(said)
            | Self::Conflict(said)
            | Self::NotAllowed(said)
            | Self::Unreachable(said) => said.help.push(help.into()),
            Self::Store(_) | Self::Runtime(_) | Self::Output(_) | Self::Closed => {}
        }
        self
    }

    /// The exit code that follows.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Files(_) => Exit::Usage,
            Self::NotFound(_) => Exit::NotFound,
            Self::Conflict(_) => Exit::Conflict,
            Self::NotAllowed(_) => Exit::NotAllowed,
            Self::Unreachable(_) | Self::Output(_) => Exit::Unreachable,
            Self::Store(error) | Self::Runtime(RuntimeError::Store(error)) => exit_of_store(error),
            Self::Runtime(_) => Exit::Unreachable,
            // `noctule runs | head` is no failure.
            Self::Closed => Exit::Success,
        }
    }

    /// Whether the store was lost, for now or to another engine, and nothing else is wrong.
    #[must_use]
    pub(crate) fn is_loss_of_store(&self) -> bool {
        match self {
            Self::Store(error) | Self::Runtime(RuntimeError::Store(error)) => {
                error.is_loss_of_lease()
                    || error.is_passing()
                    || matches!(error, StoreError::WentBack { .. })
            }
            _ => false,
        }
    }

    fn helps(&self) -> Vec<String> {
        match self {
            Self::Usage(said)
            | Self::Files(said)
            | Self::NotFound(said)
            | Self::Conflict(said)
            | Self::NotAllowed(said)
            | Self::Unreachable(said) => said.help.clone(),
            Self::Store(error) | Self::Runtime(RuntimeError::Store(error)) => help_of_store(error)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            Self::Runtime(_) | Self::Output(_) | Self::Closed => Vec::new(),
        }
    }

    /// Says it on stderr, and gives the exit code.
    pub(crate) fn tell(&self, surface: &Surface) -> Exit {
        if !matches!(self, Self::Closed) {
            console::fail(surface, self, &self.helps());
        }
        self.exit()
    }
}

impl Said {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Vec::new(),
        }
    }
}

fn exit_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::OtherProfile { .. }
        | StoreError::HeldBy(_)
        | StoreError::Fenced(_)
        | StoreError::LeaseLost(_)
        | StoreError::Moved { .. }
        | StoreError::Taken(_)
        | StoreError::NotEmpty(_) => Exit::Conflict,
        StoreError::Address(_) => Exit::Usage,
        _ => Exit::Unreachable,
    }
}

fn help_of_store(error: &StoreError) -> Option<&'static str> {
    Some(match error {
        StoreError::Missing(_) => {
            "nothing has been run here yet; `noctule run DAG` or `noctule serve` makes the store"
        }
        StoreError::OtherProfile { .. } => {
            "name its profile with --profile, or give this one a store of its own"
        }
        StoreError::HeldBy(_) => {
            "stop that engine first, or ask it: `noctule trigger`, `noctule cancel`, `noctule retry`"
        }
        StoreError::Fenced(_) | StoreError::LeaseLost(_) => {
            "nothing is lost: the other engine goes on with every run"
        }
        StoreError::Corrupt { .. } => {
            "it was left as it is; keep a copy, then move it away or restore a backup"
        }
        StoreError::Moved { .. } => "name the new place in `store.url`",
        StoreError::Taken(_) => "name another file; nothing is written over",
        StoreError::NotEmpty(_) => {
            "a copy goes only where nothing is: name another place, or move away what is there"
        }
        StoreError::Full(_) => "make room; whatever was acknowledged is safe",
        StoreError::ReadOnly(_) | StoreError::File { .. } => {
            "check who owns the file and its folder, and their rights"
        }
        StoreError::Unavailable { .. } => {
            "whatever was acknowledged is safe; see that the server is up, and that it lets this machine in"
        }
        StoreError::Replica(_) => {
            "name the primary in `store.url`, or an address that always leads to it"
        }
        StoreError::OtherServer { .. } => {
            "two servers answer under one address, or a backup was restored: nothing was done on it"
        }
        StoreError::Busy(_) => {
            "another program holds a lock on the file: a backup or an open database shell, perhaps"
        }
        _ => return None,
    })
}
