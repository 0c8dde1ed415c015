//! Where the project is: the nearest `noctule.toml`, here or above.

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::surface::Surface;

/// The name of the project file.
pub(super) const PROJECT_FILE: &str = "noctule.toml";

/// The folder of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder, without links in its path.
    pub(crate) root: PathBuf,
    /// Whether it has a project file; without one everything is at its default.
    pub(crate) has_file: bool,
    /// How paths below the folder are written for the person who typed the command.
    prefix: PathBuf,
}

impl Place {
    /// The folder of `--project`, or the nearest one with a project file, or the current folder.
    pub(super) fn find(surface: &Surface) -> Result<Self, CliError> {
        let here = canonical(&surface.here)?;
        if let Some(given) = &surface.globals.project {
            let root = canonical(&surface.here.join(given))?;
            if !root.is_dir() {
                return Err(CliError::usage(format!(
                    "--project: {} is no folder",
                    given.display()
                )));
            }
            let has_file = root.join(PROJECT_FILE).is_file();
            if !has_file {
                return Err(CliError::usage(format!(
                    "--project: {} has no {PROJECT_FILE}",
                    given.display()
                )));
            }
            return Ok(Self {
                prefix: prefix(&here, &root, given),
                root,
                has_file,
            });
        }
        let found = here
            .ancestors()
            .find(|folder| folder.join(PROJECT_FILE).is_file());
        let root = found.unwrap_or(&here).to_owned();
        Ok(Self {
            prefix: prefix(&here, &root, &root),
            has_file: found.is_some(),
            root,
        })
    }

    /// A path below the folder, as it is written for the person who typed the command.
    pub(crate) fn shown(&self, relative: &str) -> String {
        self.prefix.join(relative).display().to_string()
    }
}

fn canonical(path: &Path) -> Result<PathBuf, CliError> {
    path.canonicalize()
        .map_err(|error| CliError::usage(format!("failed to look at {}: {error}", path.display())))
}

/// From here to the project: nothing, some steps up, or the way that was given.
fn prefix(here: &Path, root: &Path, otherwise: &Path) -> PathBuf {
    match here.strip_prefix(root) {
        Ok(below) => below.components().map(|_| "..").collect(),
        Err(_) => root
            .strip_prefix(here)
            .map_or_else(|_| otherwise.to_owned(), Path::to_owned),
    }
}
