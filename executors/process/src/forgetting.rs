//! Removing the files of attempts whose run ended long ago: first what they wrote, later their records.
//!
//! Only files that carry a key of our own shape are touched, and never those of a command that still runs; one that is
//! gone already is no error.

use std::io;

use noctule_executor::{AttemptKey, Context, ExecutorError, Keepsake};

use crate::error::Error;
use crate::files::{LOG, OUTPUT, RECORD, Root};
use crate::machine::Machine;
use crate::record::Standing;
use crate::refusal::unavailable;

/// Removes what is kept of these attempts.
pub(crate) async fn forget(
    context: &Context,
    machine: &Machine,
    keys: &[AttemptKey],
    what: Keepsake,
) -> Result<(), ExecutorError> {
    let root = Root::below(&context.host.state_dir);
    let path = root.path().to_owned();
    let (keys, machine) = (keys.to_vec(), machine.clone());
    let removed = tokio::task::spawn_blocking(move || {
        let mut keys = keys.iter();
        keys.try_for_each(|key| remove(&root, &machine, key, what))
    });
    removed
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(Error::file("remove old files in", path))
        .map_err(|error| unavailable(&error))
}

/// Another executor's key has no files here, and one that is not of our shape cannot have.
fn remove(root: &Root, machine: &Machine, key: &AttemptKey, what: Keepsake) -> io::Result<()> {
    let Ok(files) = root.attempt(key.as_str()) else {
        return Ok(());
    };
    // Detached work, or work that a mark let be, may outlive its run.
    if Standing::read(&files, machine)?.is_running() {
        return Ok(());
    }
    let names: &[&str] = match what {
        Keepsake::Log => &[LOG, OUTPUT],
        Keepsake::All => &[LOG, OUTPUT, RECORD],
    };
    for name in names {
        match rustix::fs::unlink(files.file(name)) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
