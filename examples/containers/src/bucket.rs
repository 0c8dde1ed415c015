//! The bucket `hyperlounge-{tenant}-foldersync`, standing in a local folder.
//!
//! Everything is written beside its place and renamed into it, so a reader meets a whole file or none. One folder
//! holds one ingestion of one source; listings come in the order of their names.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StepError;
use crate::settings::Settings;

/// A record that a step leaves in an ingestion folder for the steps after it.
pub(crate) trait Artefact: Serialize + DeserializeOwned {
    const FILE: &'static str;
    const MADE_BY: &'static str;
}

/// Where sheets come from: a drive, a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) source_type: String,
    pub(crate) source_id: String,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.source_type, self.source_id)
    }
}

/// One tenant's bucket.
pub(crate) struct Bucket {
    pub(crate) root: PathBuf,
    ingestion_id: String,
}

/// One ingestion of one source.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) source: Source,
    pub(crate) path: PathBuf,
}

impl Bucket {
    pub(crate) fn of(settings: &Settings) -> Self {
        let name = format!("hyperlounge-{}-foldersync", settings.tenant_code);
        Self {
            root: settings.data_dir.join(name),
            ingestion_id: settings.ingestion_id.as_str().to_owned(),
        }
    }

    pub(crate) fn folder(&self, source: Source) -> Folder {
        let path = self
            .root
            .join(&source.source_type)
            .join(&source.source_id)
            .join(&self.ingestion_id);
        Folder { source, path }
    }

    /// The folders of this ingestion, of every source that has one.
    pub(crate) fn folders(&self) -> Result<Vec<Folder>, StepError> {
        let folders = sources_below(&self.root)?
            .into_iter()
            .map(|source| self.folder(source));
        Ok(folders.filter(|folder| folder.path.is_dir()).collect())
    }

    /// The folders of the sources that the settings select; at least one, or the crawl has not run.
    pub(crate) fn selected(&self, settings: &Settings) -> Result<Vec<Folder>, StepError> {
        let selection = &settings.selection;
        let takes = |folder: &Folder| {
            selection.takes_source(&folder.source.source_type, &folder.source.source_id)
        };
        let folders: Vec<_> = self.folders()?.into_iter().filter(takes).collect();
        if !folders.is_empty() {
            return Ok(folders);
        }
        let part = |value: &Option<String>| value.clone().unwrap_or_else(|| "*".to_owned());
        let source = Source {
            source_type: part(&selection.source_type),
            source_id: part(&selection.source_id),
        };
        Err(StepError::MissingArtefact {
            path: self.folder(source).path,
            made_by: "crawl",
        })
    }

    /// The path of a file as it is named inside the bucket.
    pub(crate) fn object_name(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        inside.to_string_lossy().replace('\\', "/")
    }
}

impl Folder {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn put<A: Artefact>(&self, record: &A) -> Result<(), StepError> {
        write_json(&self.file(A::FILE), record)
    }

    pub(crate) fn find<A: Artefact>(&self) -> Result<Option<A>, StepError> {
        let path = self.file(A::FILE);
        if path.is_file() {
            read_json(&path).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn need<A: Artefact>(&self) -> Result<A, StepError> {
        let missing = || StepError::MissingArtefact {
            path: self.file(A::FILE),
            made_by: A::MADE_BY,
        };
        self.find()?.ok_or_else(missing)
    }
}

/// Every `{source_type}/{source_id}` below a folder; none when the folder is not there.
pub(crate) fn sources_below(root: &Path) -> Result<Vec<Source>, StepError> {
    let mut sources = Vec::new();
    for source_type in folder_names(root)? {
        for source_id in folder_names(&root.join(&source_type))? {
            sources.push(Source {
                source_type: source_type.clone(),
                source_id,
            });
        }
    }
    Ok(sources)
}

fn folder_names(path: &Path) -> Result<Vec<String>, StepError> {
    names_in(path, |entry| entry.is_dir())
}

/// The names of the files in a folder that end as given, sorted.
pub(crate) fn file_names(path: &Path, ending: &str) -> Result<Vec<String>, StepError> {
    let mut names = names_in(path, |entry| entry.is_file())?;
    names.retain(|name| name.ends_with(ending) && !name.starts_with('.'));
    Ok(names)
}

fn names_in(path: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, StepError> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(StepError::io(path))? {
        let entry = entry.map_err(StepError::io(path))?;
        if wanted(&entry.path()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StepError> {
    let bytes = fs::read(path).map_err(StepError::io(path))?;
    serde_json::from_slice(&bytes).map_err(StepError::json(path))
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StepError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(StepError::json(path))?;
    bytes.push(b'\n');
    write_whole(path, &bytes)
}

/// Writes a hidden neighbour and renames it, so that the name never stands for half a file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StepError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(StepError::io(folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let neighbour = folder.join(format!(".{name}.{}.part", std::process::id()));
    fs::write(&neighbour, bytes).map_err(StepError::io(&neighbour))?;
    fs::rename(&neighbour, path).map_err(StepError::io(path))
}

/// Removes the files of an earlier run that this one did not make.
pub(crate) fn remove_others(folder: &Path, ending: &str, keep: &[String]) -> Result<(), StepError> {
    for name in file_names(folder, ending)?
        .iter()
        .filter(|name| !keep.contains(name))
    {
        remove_file(&folder.join(name))?;
    }
    Ok(())
}

/// Removes a file if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<(), StepError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StepError::io(path)(error))
        }
        _ => Ok(()),
    }
}
