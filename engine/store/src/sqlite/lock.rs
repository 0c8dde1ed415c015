//! Lock files: who holds one is told by the operating system, and forgotten by it when the process goes, however it goes.
//!
//! The text in the file names the holder, for people; whether there is one, only the lock says. Rust opens files so that
//! child processes do not inherit them: a lock never outlives the process that took it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::said;
use crate::error::StoreError;
use crate::owner::Owner;

/// A held lock file.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone leaves it to a process that is being started just now, until that one has begun.
        drop(self.file.unlock());
    }
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
            sign(&file, owner).map_err(said::file("write", path))?;
            return Ok(Some(Lock { file }));
        }
        // A holder keeps it from everybody; whoever only looks does not keep it from others who look.
        if !is_free(file.try_lock_shared(), path)? {
            return Ok(None);
        }
        file.unlock().map_err(said::file("unlock", path))?;
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    Ok(None)
}

fn is_free(tried: Result<(), TryLockError>, path: &Path) -> Result<bool, StoreError> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(said::file("lock", path)(source)),
    }
}

/// Who holds a lock now. Looking disturbs nobody: whoever takes the lock tells those who look from those who hold.
pub(crate) fn holder(path: &Path) -> Result<Option<Owner>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(said::file("open", path)(error)),
    };
    if is_free(file.try_lock_shared(), path)? {
        return Ok(None);
    }
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok();
    Ok(Some(Owner::read(read.map(|_| text.as_str()))))
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
    options.open(path).map_err(said::file("open", path))
}

fn sign(file: &File, owner: &Owner) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut text = serde_json::to_vec(owner)?;
    text.resize(text.len().max(SIZE), b' ');
    file.write_all_at(&text, 0)?;
    file.set_len(text.len() as u64)
}
