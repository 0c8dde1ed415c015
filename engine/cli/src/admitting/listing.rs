//! A list of whom there is: of the server that is named, or else of the store of the project.

use noctule_store::Store;
use serde::Serialize;

use crate::args::Format;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;

/// What a server knows, or else a store. Nothing: there is no store yet.
pub(super) async fn known<T>(
    surface: &Surface,
    of_server: impl AsyncFnOnce(Server) -> Result<Vec<T>, CliError>,
    of_store: impl AsyncFnOnce(Store) -> Result<Vec<T>, CliError>,
) -> Result<Vec<T>, CliError> {
    if let Some(server) = Server::of(surface)? {
        return of_server(server).await;
    }
    let open = OpenProject::read(surface, &[])?;
    open.project()?;
    match open.store(surface).await? {
        Some(store) => of_store(store).await,
        None => Ok(Vec::new()),
    }
}

/// Prints them, in a table a row each.
pub(super) fn print<T: Serialize, const N: usize>(
    all: &[T],
    columns: [&str; N],
    row: impl Fn(&T) -> [(String, Tone); N],
    surface: &Surface,
) -> Result<Exit, CliError> {
    if surface.format() != Format::Table {
        documents(surface.format(), all)?;
        return Ok(Exit::Success);
    }
    let mut grid = Grid::new(surface, &columns);
    for one in all {
        grid.row(row(one));
    }
    if !grid.is_empty() {
        grid.print()?;
    }
    Ok(Exit::Success)
}
