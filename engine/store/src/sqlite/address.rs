//! Where a store is: its address as text, and the files that belong to it.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The file that an address names; relative ones begin at the base.
pub(crate) fn resolve(url: &str, base: &Path) -> Result<PathBuf, StoreError> {
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty() && !path.contains('\0'));
    path.map(|path| base.join(path)).ok_or_else(|| {
        StoreError::Address(
            "a store address is `sqlite://PATH` or `postgres://USER@HOST:PORT/DATABASE`".to_owned(),
        )
    })
}

/// A file beside the store.
pub(crate) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
