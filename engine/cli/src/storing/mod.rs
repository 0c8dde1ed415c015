//! `noctule store …`: looking after what everything rests on. None of it decides anything about a run.

mod checking;
mod moving;

use noctule_store::Store;

use crate::args::StoreCommand;
use crate::error::CliError;
use crate::exit::Exit;
use crate::project::OpenProject;
use crate::surface::Surface;

/// Does what is asked of the store.
pub(crate) async fn store(command: &StoreCommand, surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    match command {
        StoreCommand::Check => Box::pin(checking::check(&open, surface)).await,
        StoreCommand::Migrate => checking::migrate(&open, surface).await,
        StoreCommand::Backup(args) => Box::pin(moving::back_up(&open, args, surface)).await,
        StoreCommand::Restore(args) => Box::pin(moving::restore(&open, args, surface)).await,
        StoreCommand::Copy(args) => Box::pin(moving::copy(&open, args, surface)).await,
    }
}

/// The store of the project, which must be there.
async fn existing(open: &OpenProject, surface: &Surface) -> Result<Store, CliError> {
    open.store(surface)
        .await?
        .ok_or_else(|| CliError::not_found("there is no store: nothing has been run here yet"))
}
