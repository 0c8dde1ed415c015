//! Backups, and stores that go elsewhere.
//!
//! Guarantees: nothing is written over; what is copied arrives whole or not at all; no engine may hold a store that is moved
//! or put back meanwhile. A backup is made while engines go on.

use std::path::{Path, PathBuf};

use noctule_store::{Arrival, Copied, Lease, Owner, Pause, Role, Store, Write};
use serde::Serialize;

use super::existing;
use crate::acting::{actor, owner};
use crate::args::{BackupArgs, CopyArgs, Format, RestoreArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::document;
use crate::project::OpenProject;
use crate::surface::Surface;

/// What was copied, and where to.
#[derive(Serialize)]
struct Done {
    store: String,
    id: String,
    runs: u64,
    records: u64,
}

impl Done {
    fn print(&self, surface: &Surface, did: &str) -> Result<Exit, CliError> {
        if surface.format() == Format::Table {
            let Self {
                store,
                id,
                runs,
                records,
            } = self;
            emit(&format!(
                "{did} {store}: store {id}, {runs} runs, {records} records\n"
            ))?;
        } else {
            document(surface.format(), self)?;
        }
        Ok(Exit::Success)
    }
}

fn me(surface: &Surface) -> Owner {
    owner(surface, Role::Run, None)
}

/// Copies the store into a new file.
pub(super) async fn back_up(
    open: &OpenProject,
    args: &BackupArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let store = existing(open, surface).await?;
    let file = here(surface, &args.file);
    let options = open.options(surface, true)?;
    let copied = store.back_up(&file, options, &me(surface)).await?;
    done(&store, file.display().to_string(), copied).print(surface, "backed up to")
}

/// Puts a backup in the place of the store.
pub(super) async fn restore(
    open: &OpenProject,
    args: &RestoreArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let draft = Draft::of(&here(surface, &args.file), &open.state_dir()?)?;
    let address = format!("sqlite://{}", draft.file.display());
    let backup = Store::open(&address, open.options(surface, false)?).await?;
    let store = open.make_store(surface).await?;
    let lease = store.acquire(&me(surface)).await?;
    let copied = backup.copy_into(&store, &lease, Arrival::SetBack).await;
    backup.close().await?;
    lease.release().await?;
    let copied = copied?;
    drop(draft);
    // It has another id and another epoch now.
    let store = existing(open, surface).await?;
    if args.pause {
        let lease = store.acquire(&me(surface)).await?;
        pause_all(&store, &lease, surface).await?;
        lease.release().await?;
    }
    eprintln!(
        "what happened after the backup is not in it: what it says was not sent is looked for before it is sent; \
         `noctule sweep` lists work that it does not know of"
    );
    done(&store, store.place(), copied).print(surface, "restored to")
}

/// Moves a store to another place.
pub(super) async fn copy(
    open: &OpenProject,
    args: &CopyArgs,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let from = Store::open(&args.from, open.options(surface, false)?).await?;
    let to = Store::open(&args.to, open.options(surface, true)?).await?;
    let of_from = from.acquire(&me(surface)).await?;
    let of_to = to.acquire(&me(surface)).await?;
    let copied = from.copy_into(&to, &of_to, Arrival::Moved).await;
    of_to.release().await?;
    let copied = copied?;
    from.retire(&of_from, &to.place()).await?;
    of_from.release().await?;
    eprintln!(
        "{} is kept, and marked as moved; name the new place in `store.url`",
        from.place()
    );
    done(&from, to.place(), copied).print(surface, "copied to")
}

fn done(store: &Store, place: String, copied: Copied) -> Done {
    Done {
        store: place,
        id: store.id().to_string(),
        runs: copied.runs,
        records: copied.records,
    }
}

fn here(surface: &Surface, file: &Path) -> PathBuf {
    surface.here.join(file)
}

async fn pause_all(store: &Store, lease: &Lease, surface: &Surface) -> Result<(), CliError> {
    let mut records = store.dag_records().await?;
    for record in &mut records {
        record.pause = Some(Pause {
            by: actor(surface),
            why: Some("the store was restored from a backup".to_owned()),
            since: surface.now,
        });
    }
    let writes: Vec<_> = records.iter().map(|record| Write::Dag { record }).collect();
    store.commit(lease, &writes).await?;
    Ok(())
}

/// A copy of a backup to be read: to open a store makes files beside it, and may bring it forward. Removed in the end.
struct Draft {
    folder: PathBuf,
    file: PathBuf,
}

impl Draft {
    fn of(backup: &Path, state_dir: &Path) -> Result<Self, CliError> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = state_dir.join(format!("restore-{}", std::process::id()));
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        let failed = |doing: &str, path: &Path, error: std::io::Error| {
            CliError::unreachable(format!("failed to {doing} {}: {error}", path.display()))
        };
        made.map_err(|error| failed("make", &folder, error))?;
        let draft = Self {
            file: folder.join("backup.db"),
            folder,
        };
        match std::fs::copy(backup, &draft.file) {
            Ok(_) => Ok(draft),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(CliError::not_found(
                format!("there is no backup at {}", backup.display()),
            )),
            Err(error) => Err(failed("read", backup, error)),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // If it stays, it is a private copy of a backup, and in nobody's way.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
