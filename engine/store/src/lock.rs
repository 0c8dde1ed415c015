//! The right to write: an OS lock on a file beside the store, held for life, and an epoch that only grows.
//!
//! The lock goes when the process goes, however it goes; the epoch fences a writer that lost it without noticing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// Who holds, or asks for, the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// What it does.
    pub role: Role,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Where it listens.
    pub listen: Option<String>,
}

/// What the holder of a store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Schedules, asks, everything, until it is stopped.
    Serve,
    /// One run, and gives the store over to a `serve`.
    Run,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role = match self.role {
            Role::Serve => "serve",
            Role::Run => "run",
        };
        write!(
            f,
            "`noctule {role}`, pid {} on {}, since {}",
            self.pid,
            self.host,
            self.since.format("%Y-%m-%dT%H:%M:%SZ")
        )
    }
}

/// The right to write, until it is dropped.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(crate) epoch: i64,
    _lock: Arc<Lock>,
}

impl Lease {
    pub(crate) fn new(epoch: i64, lock: Lock) -> Self {
        Self {
            epoch,
            _lock: Arc::new(lock),
        }
    }

    /// The epoch; grows with each acquisition.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }
}

/// A held lock file.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// A reader that looks who is there holds the lock for an instant; it must not make an engine refuse to start.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(15);

pub(crate) fn path_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Takes the lock and writes down who has it; `None` if somebody else has it.
pub(crate) async fn take(database: &Path, owner: &Owner) -> Result<Option<Lock>, StoreError> {
    let path = path_of(database);
    let mut file = open(&path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => {
                write_owner(&mut file, owner).map_err(StoreError::file("write", &path))?;
                return Ok(Some(Lock { _file: file }));
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(BETWEEN_TRIES).await,
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::File {
                    doing: "lock",
                    path,
                    source,
                });
            }
        }
    }
    Ok(None)
}

/// Who holds the lock now.
pub(crate) fn holder(database: &Path) -> Result<Option<Owner>, StoreError> {
    let path = path_of(database);
    let Ok(mut file) = OpenOptions::new().read(true).open(&path) else {
        return Ok(None);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)
                .map_err(StoreError::file("read", &path))?;
            Ok(serde_json::from_str(&text).ok())
        }
        Err(TryLockError::Error(source)) => Err(StoreError::File {
            doing: "lock",
            path,
            source,
        }),
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options.open(path).map_err(StoreError::file("open", path))
}

fn write_owner(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(owner)?.as_bytes())?;
    file.flush()
}
