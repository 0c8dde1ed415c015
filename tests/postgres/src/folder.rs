//! The private folder of one cluster, and the user that the server runs as. Its path is short: a socket's has 107 bytes.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::error::Error;

/// The folder of one cluster: `data`, the socket, and the server's log.
#[derive(Debug)]
pub(crate) struct Folder {
    root: TempDir,
    path: PathBuf,
    user: Option<User>,
}

/// Whom root runs the server as.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Folder {
    pub(crate) fn new() -> Result<Self, Error> {
        // Not the folder of TMPDIR, which may be deep.
        let root = tempfile::Builder::new()
            .prefix("npg")
            .tempdir_in("/tmp")
            .map_err(Error::io("making a folder in /tmp"))?;
        let path = root
            .path()
            .canonicalize()
            .map_err(Error::io("finding the folder in /tmp"))?;
        let user = rustix::process::geteuid()
            .is_root()
            .then(User::find)
            .transpose()?;
        if let Some(User { uid, gid }) = user {
            chown(&path, Some(uid), Some(gid)).map_err(Error::io("giving the folder away"))?;
        }
        Ok(Self { root, path, user })
    }

    /// The folder itself, which is also the socket's.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Whom the data belongs to.
    pub(crate) fn uid(&self) -> u32 {
        let own = || rustix::process::geteuid().as_raw();
        self.user.map_or_else(own, |user| user.uid)
    }

    /// The last lines of the server's log.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" / ")
    }

    /// A command that runs as the server's user, in the folder, with nothing of our environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.root.path())
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin");
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl User {
    fn find() -> Result<Self, Error> {
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::io("reading /etc/passwd"))?;
        ["nobody", "postgres"]
            .iter()
            .find_map(|name| passwd.lines().find_map(|line| Self::read(line, name)))
            .ok_or(Error::NoUser)
    }

    fn read(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { uid, gid })
    }
}
