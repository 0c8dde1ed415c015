//! Reading the files of a project, bounded, and none outside of it.
//!
//! Guarantees: the order of the files is the order of their paths; a file that cannot be read is told and stops no other.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More is never read of one file; the reader of sources refuses less.
const BYTES: u64 = 8 * 1024 * 1024;
/// How many DAG files a project may have.
const FILES: usize = 10_000;
/// How deep the folder of DAG files may be.
const DEPTH: usize = 8;

/// The text of a file, by its path below the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileRead {
    /// The path below the project.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The path below the project.
    pub(crate) path: String,
    /// Why.
    pub(crate) message: String,
}

/// Reads the text of one file.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    // Looked at before it is opened: to open a pipe is to wait for whoever writes into it.
    let looked = path.metadata();
    let looked = looked.map_err(|error| format!("failed to look at it: {error}"))?;
    if !looked.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = File::open(path).map_err(|error| format!("failed to open it: {error}"))?;
    let mut bytes = Vec::new();
    file.take(BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("failed to read it: {error}"))?;
    if bytes.len() as u64 > BYTES {
        return Err("it is larger than 8 MiB".to_owned());
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("byte {} is no UTF-8", error.utf8_error().valid_up_to()))
}

/// The `.toml` files below a folder of the project, by path below the project. Hidden ones are no DAGs.
pub(super) fn dag_files(root: &Path, folder: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let top = root.join(folder);
    if top.is_dir() {
        within(root, &top)?;
        collect(&top, DEPTH, &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let unread = |error: std::io::Error| format!("failed to list {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().first() == Some(&b'.') {
            continue;
        }
        if entry.file_type().map_err(unread)?.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            found.push(path);
        }
        if found.len() > FILES {
            return Err(format!(
                "{} holds more than {FILES} DAG files",
                folder.display()
            ));
        }
    }
    Ok(())
}

/// Refuses a path that a link leads out of the project.
pub(super) fn within(root: &Path, path: &Path) -> Result<(), String> {
    let real = path
        .canonicalize()
        .map_err(|error| format!("failed to look at it: {error}"))?;
    if real.starts_with(root) {
        Ok(())
    } else {
        Err(format!(
            "a link leads out of the project, to {}",
            real.display()
        ))
    }
}
