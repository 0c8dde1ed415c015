//! `config`: every effective value, and where it came from.

use serde::Serialize;
use serde_json::Value;

use crate::args::Format;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, documents};
use crate::project::OpenProject;
use crate::surface::Surface;

/// One value, as JSON has it.
#[derive(Serialize)]
struct Shown<'a> {
    path: &'a str,
    value: &'a Value,
    origin: String,
}

/// Prints the settings. Secrets are references, passwords in URLs are masked.
pub(crate) fn config(surface: &Surface) -> Result<Exit, CliError> {
    let open = OpenProject::read(surface, &[])?;
    let project = open.project()?;
    if surface.format() == Format::Table {
        let mut grid = Grid::new(surface, &["SETTING", "VALUE", "FROM"]);
        for setting in &project.settings {
            let value = setting
                .value
                .as_str()
                .map_or_else(|| setting.value.to_string(), str::to_owned);
            grid.row([
                (setting.path.clone(), Tone::Plain),
                (value, Tone::Plain),
                (setting.origin.to_string(), Tone::Dim),
            ]);
        }
        grid.print()?;
        return Ok(Exit::Success);
    }
    let shown = project.settings.iter().map(|setting| Shown {
        path: &setting.path,
        value: &setting.value,
        origin: setting.origin.to_string(),
    });
    documents(surface.format(), &shown.collect::<Vec<_>>())?;
    Ok(Exit::Success)
}
