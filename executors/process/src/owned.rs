//! The commands of our own store that still run on this machine, for `noctule sweep`: told by their records.
//!
//! Guarantees: only a record of a key with the mark of the store counts, and only while its process is alive. Starts
//! nothing; a supervisor is not needed.

use std::io;

use noctule_executor::{AttemptKey, Owned};

use crate::files::{RECORD, Root};
use crate::handle::Handle;
use crate::machine::Machine;
use crate::record::Standing;
use crate::verdict;

/// Reads every record of the store.
pub(crate) fn owned(root: &Root, machine: &Machine, store: &str) -> io::Result<Vec<Owned<Handle>>> {
    let mark = format!("n1-{store}-");
    let entries = match root.path().read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let key = name
            .to_str()
            .and_then(|name| name.strip_suffix(RECORD)?.strip_suffix('.'));
        let Some(key) = key.filter(|key| key.starts_with(&mark)) else {
            continue;
        };
        let Ok(files) = root.attempt(key) else {
            continue;
        };
        if let Standing::Running { start } = Standing::read(&files, machine)? {
            found.push(Owned {
                since: verdict::time(start.started_at),
                handle: Handle::new(key, start, &files),
                key: AttemptKey::from_text(key),
            });
        }
    }
    Ok(found)
}
