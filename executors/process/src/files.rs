//! The folder of the executor below the state folder, and the files of each attempt in it: record, log and output.
//!
//! Everything is private (0700, 0600), a symbolic link is never followed there, and only regular
//! files are read: a command may have put anything there.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::error::Error;

pub(crate) const LOG: &str = "log";
pub(crate) const OUTPUT: &str = "output";
pub(crate) const RECORD: &str = "record";

const PRIVATE_FILE: Mode = Mode::from_raw_mode(0o600);

/// The folder of all attempts of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    path: PathBuf,
}

impl Root {
    pub(crate) fn below(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("process"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn create(&self) -> Result<(), Error> {
        create_private(&self.path).map_err(Error::file("create", &self.path))
    }

    /// The files of an attempt, whether they are there or not.
    pub(crate) fn attempt(&self, key: &str) -> Result<Files, Error> {
        let is_name = (1..=80).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_name {
            return Err(Error::Key(key.chars().take(100).collect()));
        }
        Ok(Files {
            path: self.path.join(key),
        })
    }
}

/// A folder and those above it, as private as can be; an existing one stays as it is.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for writing, made private if it is not there.
pub(crate) fn open_private(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, PRIVATE_FILE)?.into())
}

/// Opens a regular file for reading; `None` if there is none. A pipe or a device is refused and never waited for.
pub(crate) fn open_regular(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => {
            let file = File::from(fd);
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("not a regular file"));
            }
            Ok(Some(file))
        }
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The files of one attempt: a common path, to which each adds its name.
///
/// They have no folder of their own: making one costs as much as a file, for each of very many attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    path: PathBuf,
}

impl Files {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".");
        path.push(name);
        path.into()
    }

    /// Makes the record; `None` if it is there already. Exactly one caller ever gets it.
    pub(crate) fn claim(&self) -> io::Result<Option<File>> {
        match open_private(&self.file(RECORD), OFlags::EXCL | OFlags::APPEND) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes back a claim under which nothing was started.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for name in [LOG, RECORD] {
            match rustix::fs::unlink(self.file(name)) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Opens the record to add to it.
    pub(crate) fn record(&self) -> io::Result<File> {
        open_private(&self.file(RECORD), OFlags::APPEND)
    }

    /// A small file; `None` if it is not there, an error above the limit.
    pub(crate) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = open_regular(&self.file(name))? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("longer than {limit} bytes")));
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_climbs_is_refused() {
        let root = Root::below(Path::new("/state"));
        for key in ["", "..", "a/b", "a.b", "ä", &"x".repeat(81)] {
            assert!(root.attempt(key).is_err(), "{key}");
        }
        assert!(root.attempt("n1-0a1b2c3d-00ff").is_ok());
    }
}
