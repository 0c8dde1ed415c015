//! Files that hold a whole store: made while engines go on, and never half.
//!
//! A backup is a store in a file, whatever it is a backup of. It is built beside its place and renamed once it is whole and
//! durable. Nothing that is there already is written over.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::open::OpenOptions;
use crate::owner::Owner;
use crate::store::{Backend, Store};
use crate::transfer::{Arrival, Copied};

impl Store {
    /// Copies the store as it is at one moment into a new file. `options` say whose it is; their base is not used.
    ///
    /// # Errors
    /// There is something at that place already, the store cannot be read, or the file cannot be written.
    pub async fn back_up(
        &self,
        to: &Path,
        options: OpenOptions,
        owner: &Owner,
    ) -> Result<Copied, StoreError> {
        let failed = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File {
                doing,
                path,
                source,
            }
        };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let folder = folder.canonicalize().map_err(failed("enter", &folder))?;
        let name = to.file_name().unwrap_or_default();
        let to = folder.join(name);
        if to.symlink_metadata().is_ok() {
            return Err(StoreError::Taken(to.display().to_string()));
        }
        let draft = with_ending(&to, ".draft");
        for ending in ENDINGS {
            remove(&with_ending(&draft, ending))?;
        }
        let options = OpenOptions {
            base: folder.clone(),
            create: true,
            hook: None,
            ..options
        };
        let address = format!("sqlite://{}", draft.display());
        let copy = Self::open(&address, options).await?;
        let lease = copy.acquire(owner).await?;
        let copied = self.copy_into(&copy, &lease, Arrival::Moved).await;
        copy.close().await?;
        lease.release().await?;
        let copied = copied.inspect_err(|_| {
            // What is half is of no use to anybody; if it stays, the next backup removes it.
            drop(ENDINGS.map(|ending| remove(&with_ending(&draft, ending))));
        })?;
        // What is in its log would be left behind.
        if with_ending(&draft, "-wal").symlink_metadata().is_ok() {
            let place = draft.display().to_string();
            let message = "the backup could not be closed after it was made".to_owned();
            return Err(StoreError::Corrupt { place, message });
        }
        remove(&with_ending(&draft, ".lock"))?;
        File::open(&draft)
            .and_then(|file| file.sync_all())
            .map_err(failed("make durable", &draft))?;
        std::fs::rename(&draft, &to).map_err(failed("make", &to))?;
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("make durable", &folder))?;
        Ok(copied)
    }

    /// Closes what this value has open of a file, so that the file is whole by itself. It opens it again when it is used again.
    ///
    /// # Errors
    /// It could not be closed.
    pub async fn close(&self) -> Result<(), StoreError> {
        match &*self.0 {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(_) => Ok(()),
        }
    }
}

/// The files that a store in a file may consist of.
const ENDINGS: [&str; 5] = ["", "-wal", "-shm", ".lock", ".next"];

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(StoreError::File {
            doing: "remove",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
