//! Lock files: who holds one is told by the operating system, and forgotten by it when the process goes, however it goes.
//!
//! The text in the file names the holder, for people; whether there is one, only the lock says. Rust opens files so that
//! child processes do not inherit them: a lock never outlives the process that took it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::Path;
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
        if self.pid == 0 {
            return f.write_str("one that has not said its name yet");
        }
        let role = match self.role {
            Role::Serve => "serve",
            Role::Run => "run",
        };
        let since = self.since.format("%Y-%m-%dT%H:%M:%SZ");
        write!(
            f,
            "`noctule {role}`, pid {} on {}, since {since}",
            self.pid, self.host
        )
    }
}

impl Owner {
    /// Somebody holds the lock and has not written who: it is just starting. A `run`, so that a `serve` waits for it.
    pub(crate) fn nameless() -> Self {
        let host = "unknown".to_owned();
        Self {
            pid: 0,
            host,
            role: Role::Run,
            since: DateTime::UNIX_EPOCH,
            listen: None,
        }
    }
}

/// A held lock file.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The text is padded to this size, so that one write replaces all of an earlier one.
const SIZE: usize = 1_024;

/// Those who look hold the lock, shared, for an instant; they are waited for at most this often.
const TRIES: u32 = 2_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(1);

/// Takes a lock and writes down who has it; `None` if somebody else has it.
pub(crate) async fn take(path: &Path, owner: &Owner) -> Result<Option<Lock>, StoreError> {
    let file = open(path)?;
    for _ in 0..TRIES {
        if is_free(file.try_lock(), path)? {
            sign(&file, owner).map_err(StoreError::file("write", path))?;
            return Ok(Some(Lock { _file: file }));
        }
        // A holder keeps it from everybody; whoever only looks does not keep it from others who look.
        if !is_free(file.try_lock_shared(), path)? {
            return Ok(None);
        }
        file.unlock().map_err(StoreError::file("unlock", path))?;
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    Ok(None)
}

fn is_free(tried: Result<(), TryLockError>, path: &Path) -> Result<bool, StoreError> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(StoreError::file("lock", path)(source)),
    }
}

/// Who holds a lock now. Looking disturbs nobody: whoever takes the lock tells those who look from those who hold.
pub(crate) fn holder(path: &Path) -> Result<Option<Owner>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file("open", path)(error)),
    };
    if is_free(file.try_lock_shared(), path)? {
        return Ok(None);
    }
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok();
    let owner = read.and_then(|_| serde_json::from_str(text.trim_end()).ok());
    Ok(Some(owner.unwrap_or_else(Owner::nameless)))
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

fn sign(file: &File, owner: &Owner) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut text = serde_json::to_vec(owner)?;
    text.resize(text.len().max(SIZE), b' ');
    file.write_all_at(&text, 0)?;
    file.set_len(text.len() as u64)
}
