//! The commands that look after a store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Check every page, every document and every journal; changes nothing
    #[command(after_help = "\
Every journal is made again and compared with the state that it led to (`noctule replay --all` shows each).
Exit codes: 0 all is well, 1 something is not, 6 the store cannot be read at all.")]
    Check,
    /// Bring the schema to this version; each command does so by itself when no engine runs
    Migrate,
    /// Copy the store into a new file, while engines go on
    #[command(after_help = "\
The file is a whole store of SQLite, whatever it was made of, as it was at one moment. It appears once it is whole.

Example:
  noctule store backup /backups/noctule-$(date +%F).db")]
    Backup(BackupArgs),
    /// Put a backup in the place of a store that is gone
    #[command(after_help = "\
The store must be empty or not there: move away what is left of it first. It keeps its id, so work that still runs is found.
What happened after the backup is not in it: an attempt that it knows of as not sent is looked for before it is sent, and
where nothing can be looked for, it ends as `unknown`. Ticks since the backup fire again as `catchup` says; with --pause no
DAG fires until `noctule resume`.

Example:
  noctule store restore /backups/noctule-2026-01-13.db --pause")]
    Restore(RestoreArgs),
    /// Move a store to another place: from a file to Postgres, or back
    #[command(after_help = "\
No engine may hold either of them. The copy is the same store, with its id. The old one is kept and marked as moved, so that no
engine takes it by mistake. Then name the new place in `store.url`.

Example:
  noctule store copy --from sqlite://.noctule/prod/state.db --to postgres://noctule@db.example.com/noctule")]
    Copy(CopyArgs),
}

/// Where a backup goes.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to make; nothing is written over
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Which backup comes back.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup; it is only read
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Pause every DAG, so that no tick fires until `noctule resume DAG`
    #[arg(long)]
    pub(crate) pause: bool,
}

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The store that is there
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// Where it goes: nothing, or an empty store
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
}
