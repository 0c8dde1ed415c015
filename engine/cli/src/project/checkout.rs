//! The commit of the git checkout that a project is in, read from `.git` without running git.
//!
//! Guarantees: what is given is a commit hash; whatever is unusual is no commit.

use std::fs;
use std::path::{Path, PathBuf};

/// The commit that is checked out.
pub(super) fn commit(root: &Path) -> Option<String> {
    let git = root
        .ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let folder = if git.is_dir() { git } else { linked(&git)? };
    let head = short(&folder.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else {
        return hash(&head);
    };
    let shared = short(&folder.join("commondir"))
        .map_or_else(|| folder.clone(), |common| folder.join(common));
    if reference.contains("..") {
        return None;
    }
    short(&folder.join(reference))
        .or_else(|| short(&shared.join(reference)))
        .and_then(|text| hash(&text))
        .or_else(|| packed(&shared, reference))
}

/// A worktree has a file that says where its folder is.
fn linked(file: &Path) -> Option<PathBuf> {
    let text = short(file)?;
    Some(file.parent()?.join(text.strip_prefix("gitdir: ")?))
}

fn packed(folder: &Path, reference: &str) -> Option<String> {
    let path = folder.join("packed-refs");
    let small = fs::metadata(&path).ok()?.len() < 16 * 1024 * 1024;
    let text = small.then(|| fs::read_to_string(path).ok()).flatten()?;
    let line = text.lines().find(|line| {
        line.split_once(' ')
            .is_some_and(|(_, name)| name == reference)
    })?;
    hash(line.split_once(' ')?.0)
}

fn short(path: &Path) -> Option<String> {
    let small = fs::metadata(path)
        .ok()
        .filter(|found| found.is_file() && found.len() < 4_096);
    small
        .and_then(|_| fs::read_to_string(path).ok())
        .map(|text| text.trim_end().to_owned())
}

fn hash(text: &str) -> Option<String> {
    let is_hash =
        matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}
