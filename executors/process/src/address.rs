//! Where the socket of a store's supervisor is.
//!
//! The path is chosen by whoever starts the supervisor and written beside the attempts, so that engines with another
//! environment find the same one. The folder of a socket belongs to this user alone.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use noctule_executor::Host;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::files::Root;

/// The kernel takes 108 bytes, the last a NUL.
const LONGEST: usize = 107;
const RECORD: &str = "supervisor.json";

/// What is written down of the running supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) socket: PathBuf,
    pub(crate) pid: u32,
}

impl Address {
    pub(crate) fn read(root: &Root) -> Option<Self> {
        let folder = root.path().join(RECORD);
        let bytes = std::fs::read(folder).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn publish(&self, root: &Root) -> io::Result<()> {
        let draft = root.path().join(format!("{RECORD}.new"));
        let mut file = crate::files::open_private(&draft, rustix::fs::OFlags::TRUNC)?;
        io::Write::write_all(&mut file, &serde_json::to_vec(self)?)?;
        std::fs::rename(&draft, root.path().join(RECORD))
    }
}

/// The path for a new socket: the runtime folder of the session, else the state folder, else a private one in `/tmp`.
pub(crate) fn choose(host: &Host, root: &Root) -> Result<PathBuf, Error> {
    // The store id alone could meet a copy of the store elsewhere.
    let name = format!("noctule-{}.sock", digest(root.path()));
    let runtime = host.env.get("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|folder| is_private(folder));
    let short = |folder: PathBuf, name: &str| {
        let path = folder.join(name);
        (path.is_absolute() && path.as_os_str().len() <= LONGEST).then_some(path)
    };
    let near = || short(root.path().to_owned(), "supervisor.sock");
    if let Some(path) = runtime
        .and_then(|folder| short(folder, &name))
        .or_else(near)
    {
        return Ok(path);
    }
    let folder = temporary()?;
    Ok(folder.join(name))
}

fn digest(path: &Path) -> String {
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Somebody else may have made the folder first: it is used only if it is ours and private.
fn temporary() -> Result<PathBuf, Error> {
    let user = rustix::process::geteuid().as_raw();
    let folder = PathBuf::from(format!("/tmp/noctule-{user}"));
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::file("create", &folder)(error));
        }
        _ => {}
    }
    if is_private(&folder) {
        return Ok(folder);
    }
    let source = io::Error::other("it belongs to another user, or others may write to it");
    Err(Error::file("use", &folder)(source))
}

fn is_private(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|facts| {
        facts.is_dir()
            && facts.uid() == rustix::process::geteuid().as_raw()
            && facts.mode() & 0o077 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn host(state_dir: &Path) -> Host {
        Host {
            state_dir: state_dir.to_owned(),
            store_id: "00000000".to_owned(),
            env: BTreeMap::new(),
            binary: PathBuf::new(),
        }
    }

    #[test]
    fn a_deep_state_folder_gets_a_short_socket_path() {
        let deep = PathBuf::from("/").join("deep/".repeat(40));
        let path = choose(&host(&deep), &Root::below(&deep)).unwrap();
        assert!(path.as_os_str().len() <= LONGEST);
        assert!(path.starts_with("/tmp"));
    }

    #[test]
    fn a_runtime_folder_that_others_can_enter_is_not_used() {
        let state = PathBuf::from("/state");
        let mut host = host(&state);
        host.env
            .insert("XDG_RUNTIME_DIR".to_owned(), "/tmp".to_owned());
        let path = choose(&host, &Root::below(&state)).unwrap();
        assert_eq!(path, PathBuf::from("/state/process/supervisor.sock"));
    }
}
