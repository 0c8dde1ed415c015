//! Where the server's binaries are. Debian keeps them off the PATH.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::Error;

const DEBIAN: &str = "/usr/lib/postgresql";

/// A folder that holds `initdb` and `postgres`: of the PATH, else the newest of Debian's.
pub(crate) fn folder() -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(debian())
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .ok_or(Error::NoBinaries)
}

fn debian() -> Vec<PathBuf> {
    let versions = Path::new(DEBIAN).read_dir().into_iter().flatten();
    let mut versions: Vec<u32> = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let bin = |version: &u32| Path::new(DEBIAN).join(version.to_string()).join("bin");
    versions.iter().map(bin).collect()
}
