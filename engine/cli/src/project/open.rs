//! A project with all its files read and checked.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::source::{
    Diagnostic, FileText, FlagSetting, Inputs, Loaded, LoadedDag, Project, load_project,
};

use super::files::{FileRead, Unread, dag_files, read_text, within};
use super::place::{PROJECT_FILE, Place};
use crate::error::CliError;
use crate::output::printable;
use crate::surface::Surface;

/// A project as it was read.
pub(crate) struct OpenProject {
    /// Where it is.
    pub(crate) place: Place,
    /// What came of reading it.
    pub(crate) loaded: Loaded,
    /// The text of each file, by its path below the project.
    pub(crate) texts: BTreeMap<String, String>,
    /// Files that could not be read.
    pub(crate) unread: Vec<Unread>,
}

impl OpenProject {
    /// Reads the project file and every DAG file.
    ///
    /// # Errors
    /// The project cannot be found, or its file cannot be read. Problems inside files are in `loaded`.
    pub(crate) fn read(surface: &Surface, flags: &[FlagSetting]) -> Result<Self, CliError> {
        let (place, text) = project_file(surface)?;
        // The folder of DAG files is a setting, and known only once the project file is read.
        let alone = load(surface, flags, text.as_deref(), &[]);
        let mut unread = Vec::new();
        let mut files = Vec::new();
        if let Some(project) = &alone.project {
            let paths = dag_files(&place.root, &project.engine.dags).map_err(CliError::files)?;
            for path in &paths {
                match read_file(&place.root, path) {
                    Ok(file) => files.push(file),
                    Err(problem) => unread.push(problem),
                }
            }
        }
        Ok(Self::made(surface, flags, place, text, files, unread))
    }

    /// Reads the project file and these DAG files instead of the project's own.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_with(
        surface: &Surface,
        flags: &[FlagSetting],
        paths: &[&Path],
    ) -> Result<Self, CliError> {
        let (place, text) = project_file(surface)?;
        let (mut files, mut unread) = (Vec::new(), Vec::new());
        for path in paths {
            let full = surface.here.join(path);
            let shown = below(&place.root, &full);
            match read_text(&full) {
                Ok(text) => files.push(FileRead { path: shown, text }),
                Err(message) => unread.push(Unread {
                    path: shown,
                    message,
                }),
            }
        }
        Ok(Self::made(surface, flags, place, text, files, unread))
    }

    fn made(
        surface: &Surface,
        flags: &[FlagSetting],
        place: Place,
        text: Option<String>,
        files: Vec<FileRead>,
        unread: Vec<Unread>,
    ) -> Self {
        let loaded = load(surface, flags, text.as_deref(), &files);
        let mut texts: BTreeMap<String, String> = files
            .into_iter()
            .map(|file| (file.path, file.text))
            .collect();
        texts.extend(text.map(|text| (PROJECT_FILE.to_owned(), text)));
        Self {
            place,
            loaded,
            texts,
            unread,
        }
    }

    /// The project, if its own file and settings are free of errors.
    ///
    /// # Errors
    /// Every problem of the project file, the environment and the flags.
    pub(crate) fn project(&self) -> Result<&Project, CliError> {
        let is_dag = |file: &str| file != PROJECT_FILE && self.texts.contains_key(file);
        let problems: Vec<&Diagnostic> = self
            .loaded
            .diagnostics
            .errors()
            .filter(|diagnostic| !is_dag(&diagnostic.file))
            .collect();
        match &self.loaded.project {
            Some(project) if problems.is_empty() => Ok(project),
            _ => Err(self.problems("the project cannot be used", &problems)),
        }
    }

    /// An error that shows problems, each with its place.
    pub(crate) fn problems(&self, what: &str, problems: &[&Diagnostic]) -> CliError {
        let shown: Vec<String> = problems
            .iter()
            .map(|problem| self.render(problem))
            .collect();
        eprint!("{}", shown.join("\n"));
        let count = problems.len();
        let problems = if count == 1 {
            "1 problem".to_owned()
        } else {
            format!("{count} problems")
        };
        CliError::files(format!("{what}: {problems}"))
    }

    /// A diagnostic for people, with the line it is about.
    pub(crate) fn render(&self, diagnostic: &Diagnostic) -> String {
        // Texts are kept by the path below the project, places are written for the reader.
        let text = |shown: &str| {
            let found = self
                .texts
                .iter()
                .find(|(path, _)| self.shown(path) == shown);
            found.map(|(_, text)| text.as_str())
        };
        self.placed(diagnostic).render(text)
    }

    /// The same diagnostic, its files written for the person who typed the command.
    pub(crate) fn placed(&self, diagnostic: &Diagnostic) -> Diagnostic {
        let mut placed = diagnostic.clone();
        placed.file = self.shown(&placed.file).into();
        for label in &mut placed.labels {
            label.file = self.shown(&label.file).into();
        }
        placed
    }

    /// The name of a source as it is shown: files by their way from here, variables and flags as they are.
    pub(crate) fn shown(&self, source: &str) -> String {
        if self.texts.contains_key(source) || self.unread.iter().any(|unread| unread.path == source)
        {
            printable(&self.place.shown(source))
        } else {
            source.to_owned()
        }
    }

    /// One DAG by its id.
    pub(crate) fn loaded_dag(&self, id: &str) -> Option<&LoadedDag> {
        self.loaded
            .dags
            .iter()
            .find(|dag| dag.definition.id.as_str() == id)
    }
}

fn project_file(surface: &Surface) -> Result<(Place, Option<String>), CliError> {
    let place = Place::find(surface)?;
    if !place.has_file {
        return Ok((place, None));
    }
    let path = place.root.join(PROJECT_FILE);
    let unread =
        |message: String| CliError::files(format!("{}: {message}", place.shown(PROJECT_FILE)));
    let text = read_text(&path).map_err(unread)?;
    Ok((place, Some(text)))
}

fn load(
    surface: &Surface,
    flags: &[FlagSetting],
    project: Option<&str>,
    dags: &[FileRead],
) -> Loaded {
    let dags: Vec<FileText<'_>> = dags
        .iter()
        .map(|file| FileText {
            path: &file.path,
            text: &file.text,
        })
        .collect();
    load_project(&Inputs {
        project: project.map(|text| FileText {
            path: PROJECT_FILE,
            text,
        }),
        dags: &dags,
        env: &surface.env,
        flags,
        profile: surface.globals.profile.as_deref(),
        registry: &surface.registry,
        now: surface.now,
    })
}

fn read_file(root: &Path, path: &Path) -> Result<FileRead, Unread> {
    let shown = below(root, path);
    let text = within(root, path).and_then(|()| read_text(path));
    match text {
        Ok(text) => Ok(FileRead { path: shown, text }),
        Err(message) => Err(Unread {
            path: shown,
            message,
        }),
    }
}

/// The path below the project; a file outside keeps its own.
fn below(root: &Path, path: &Path) -> String {
    let real = path.parent().and_then(|folder| folder.canonicalize().ok());
    let full = match (real, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    };
    full.strip_prefix(root)
        .unwrap_or(&full)
        .to_string_lossy()
        .into_owned()
}
