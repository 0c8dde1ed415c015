//! A world in a folder, shared by processes that may be killed at any moment.
//!
//! `world.json` is the truth, replaced by rename under a lock that ends with its process. `launches` has one line
//! (`KEY NUMBER PID`) for each piece of work; a line that a killed process did not come to write is added later.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::TestingError;
use crate::ledger::Ledger;

/// The folder of a world.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, TestingError> {
        fs::create_dir_all(path).map_err(|source| TestingError::World {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Reads, changes and writes the ledger as one step among all processes.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Ledger) -> T,
    ) -> Result<T, TestingError> {
        let lock_path = self.path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed(&lock_path))?;
        lock.lock().map_err(failed(&lock_path))?;
        let mut ledger = self.read()?;
        let result = change(&mut ledger);
        self.write(&ledger)?;
        self.append_launches(&ledger)?;
        Ok(result)
    }

    /// The ledger as it stands; needs no lock, since the file is replaced as a whole.
    pub(crate) fn read(&self) -> Result<Ledger, TestingError> {
        let path = self.path.join("world.json");
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| failed(&path)(std::io::Error::other(error))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::default()),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    fn write(&self, ledger: &Ledger) -> Result<(), TestingError> {
        let path = self.path.join("world.json");
        let next = self.path.join("world.json.next");
        let bytes = serde_json::to_vec(ledger)
            .map_err(|error| failed(&next)(std::io::Error::other(error)))?;
        fs::write(&next, bytes).map_err(failed(&next))?;
        fs::rename(&next, &path).map_err(failed(&path))
    }

    fn append_launches(&self, ledger: &Ledger) -> Result<(), TestingError> {
        let path = self.path.join("launches");
        let mut file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed(&path))?;
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        for work in ledger.works.iter().skip(text.lines().count()) {
            let line = format!("{} {} {}\n", work.key, work.number, work.pid);
            file.write_all(line.as_bytes()).map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> TestingError {
    let path = path.to_owned();
    move |source| TestingError::World { path, source }
}
