//! Which DAG a command means: an id, or the path of a file.

use std::path::Path;

use noctule_core::dag::Dag;
use noctule_core::source::{Diagnostic, FlagSetting, LoadedDag, Project};

use super::open::OpenProject;
use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;

/// A DAG without problems, and the project that it was read with.
pub(crate) struct Chosen {
    /// The project.
    pub(crate) open: OpenProject,
    /// The DAG.
    pub(crate) dag: Dag,
}

impl Chosen {
    /// Finds the DAG of an argument.
    ///
    /// # Errors
    /// There is none, or it has problems; those of other files do not matter.
    pub(crate) fn find(
        surface: &Surface,
        argument: &str,
        flags: &[FlagSetting],
    ) -> Result<Self, CliError> {
        let found = if is_path(argument) {
            let path = Path::new(argument);
            let open = OpenProject::read_with(surface, flags, &[path])?;
            let found = of_file(&open, argument)?.clone();
            (open, found)
        } else {
            let open = OpenProject::read(surface, flags)?;
            let found = of_id(&open, argument)?.clone();
            (open, found)
        };
        let (
            open,
            LoadedDag {
                definition, file, ..
            },
        ) = found;
        let dag =
            Dag::new(definition).map_err(|error| CliError::files(format!("{file}: {error}")))?;
        Ok(Self { open, dag })
    }

    /// The project, which is free of errors.
    pub(crate) fn project(&self) -> Result<&Project, CliError> {
        self.open.project()
    }
}

/// Whether an argument is meant as a path: ids hold no slash and no file is called without its ending.
pub(crate) fn is_path(argument: &str) -> bool {
    argument.contains('/')
        || Path::new(argument)
            .extension()
            .is_some_and(|extension| extension == "toml")
}

fn of_file<'p>(open: &'p OpenProject, argument: &str) -> Result<&'p LoadedDag, CliError> {
    open.project()?;
    if let [unread, ..] = open.unread.as_slice() {
        return Err(CliError::not_found(format!(
            "{argument}: {}",
            unread.message
        )));
    }
    let errors: Vec<&Diagnostic> = open.loaded.diagnostics.errors().collect();
    match open.loaded.dags.as_slice() {
        _ if !errors.is_empty() => Err(open.problems(argument, &errors)),
        [only] => Ok(only),
        [] => Err(CliError::files(format!("{argument} holds no DAG"))),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .map(|dag| dag.definition.id.as_str())
                .collect();
            let error = CliError::usage(format!("{argument} holds {} DAGs", several.len()));
            Err(error.help(format!("name one by its id: {}", ids.join(", "))))
        }
    }
}

fn of_id<'p>(open: &'p OpenProject, id: &str) -> Result<&'p LoadedDag, CliError> {
    open.project()?;
    if let Some(found) = open.loaded_dag(id) {
        return Ok(found);
    }
    let theirs: Vec<&Diagnostic> = open
        .loaded
        .diagnostics
        .errors()
        .filter(|it| claims(open, &it.file, id))
        .collect();
    if !theirs.is_empty() {
        return Err(open.problems(&format!("DAG `{id}` cannot be used"), &theirs));
    }
    Err(unknown(open, id))
}

/// Whether a file with problems seems to be the one of a DAG.
fn claims(open: &OpenProject, file: &str, id: &str) -> bool {
    let named = Path::new(file).file_stem().is_some_and(|stem| stem == id);
    let quoted = || {
        open.texts
            .get(file)
            .is_some_and(|text| text.contains(&format!("\"{id}\"")))
    };
    named || quoted()
}

fn unknown(open: &OpenProject, id: &str) -> CliError {
    let mut error = CliError::not_found(format!("there is no DAG `{}`", printable(id)));
    let ids: Vec<&str> = open
        .loaded
        .dags
        .iter()
        .map(|dag| dag.definition.id.as_str())
        .take(12)
        .collect();
    if !open.place.has_file {
        error = error.help(
            "there is no noctule.toml here or above: go to the project, or name it with --project",
        );
    } else if ids.is_empty() {
        error = error.help("the project has no DAG without problems: `noctule check` tells more");
    } else {
        error = error.help(format!("the project has {}", ids.join(", ")));
    }
    let broken = open.loaded.diagnostics.has_errors() || !open.unread.is_empty();
    if broken && !ids.is_empty() {
        error = error.help(
            "some files have problems, and their DAGs are not known: `noctule check` names them",
        );
    }
    error
}
