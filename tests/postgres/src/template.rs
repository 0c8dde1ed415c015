//! The data of a fresh cluster, kept beside the test binaries: a copy takes a twentieth of the time of `initdb`.
//!
//! What is kept was never started. It is published by a rename, so that nobody sees half of it, and anything that is
//! wrong with it only means that `initdb` runs again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cluster::ROLE;
use crate::error::Error;
use crate::folder::Folder;

/// Raised when the arguments of `initdb` change.
const FORM: u32 = 1;

/// Fills the data folder of a cluster.
pub(crate) fn fill(binaries: &Path, folder: &Folder) -> Result<(), Error> {
    let kept = place(binaries, folder);
    if let Some(kept) = &kept
        && kept.is_dir()
    {
        if copy(kept, &folder.data()) {
            return Ok(());
        }
        drop(fs::remove_dir_all(folder.data()));
    }
    init(binaries, folder)?;
    if let Some(kept) = kept {
        publish(folder, &kept);
    }
    Ok(())
}

/// One place for each server, user and form, in the folder of the test binaries.
fn place(binaries: &Path, folder: &Folder) -> Option<PathBuf> {
    let version = Command::new(binaries.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    let version: String = version
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let beside = std::env::current_exe().ok()?;
    let name = format!("{version}-{}-{FORM}.cluster", folder.uid());
    Some(beside.parent()?.join(name))
}

fn copy(from: &Path, to: &Path) -> bool {
    let copied = Command::new("cp")
        .arg("-a")
        .args([from, to])
        .stdin(Stdio::null())
        .output();
    copied.is_ok_and(|copied| copied.status.success())
}

fn publish(folder: &Folder, kept: &Path) {
    let draft = kept.with_extension(format!("draft{}", std::process::id()));
    if !copy(&folder.data(), &draft) || fs::rename(&draft, kept).is_err() {
        drop(fs::remove_dir_all(&draft));
    }
}

fn init(binaries: &Path, folder: &Folder) -> Result<(), Error> {
    let made = folder
        .command(&binaries.join("initdb"))
        .arg("-D")
        .arg(folder.data())
        .args(["-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C"])
        .args(["--wal-segsize=1", "--no-sync", "--no-instructions"])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::io("starting initdb"))?;
    if made.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    Err(Error::Init(said))
}
