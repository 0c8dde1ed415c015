//! The log of all that was done to the files of one folder, in order.
//!
//! A rename passes SQLite by; it is told from the name under which a file is opened next.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One thing done to a file, or to the folder.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A file came to be, empty.
    Create { name: String },
    /// Bytes were written.
    Write {
        name: String,
        at: usize,
        bytes: Vec<u8>,
    },
    /// The file was cut or grown.
    Truncate { name: String, size: usize },
    /// The content of a file was made durable; its name, too, if it is the first sync of a log or journal.
    Sync { name: String },
    /// A name was taken away.
    Delete { name: String, durable: bool },
    /// A file got another name, and the folder was synced.
    Rename { from: String, to: String },
}

/// A defect that is built in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plant {
    /// None.
    #[default]
    Nothing,
    /// SQLite runs with `synchronous = NORMAL`, whatever the store asked for.
    Normal,
    /// SQLite runs with `synchronous = OFF`.
    Off,
    /// The disk forgets to sync the write-ahead log.
    LogNotSynced,
    /// The disk forgets to sync the database file.
    FileNotSynced,
}

impl Plant {
    /// The value that is put in the place of `FULL`.
    pub(crate) fn synchronous(self) -> Option<u8> {
        match self {
            Self::Normal => Some(b'1'),
            Self::Off => Some(b'0'),
            _ => None,
        }
    }

    fn forgets(self, name: &str) -> bool {
        match self {
            Self::LogNotSynced => name.ends_with("-wal"),
            Self::FileNotSynced => !name.ends_with("-wal") && !name.ends_with("-journal"),
            _ => false,
        }
    }
}

/// What was done so far.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    pub(crate) plant: Plant,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    names: BTreeSet<String>,
}

impl Log {
    pub(crate) fn new(folder: &Path, plant: Plant) -> Self {
        Self {
            folder: folder.to_owned(),
            plant,
            kept: Mutex::default(),
        }
    }

    /// The name of a file in this folder.
    pub(crate) fn name_of(&self, path: &Path) -> Option<String> {
        let name = path.strip_prefix(&self.folder).ok()?.to_str()?;
        (!name.ends_with("-shm")).then(|| name.to_owned())
    }

    /// How much was done so far.
    pub(crate) fn position(&self) -> usize {
        self.kept().events.len()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.kept().events.clone()
    }

    /// A file was opened: perhaps it is new, perhaps it had another name before.
    pub(crate) fn opened(&self, name: &str) {
        let mut kept = self.kept();
        if kept.names.contains(name) {
            return;
        }
        let draft = format!("{name}.new");
        let renamed = kept.names.contains(&draft) && !self.folder.join(&draft).exists();
        kept.names.insert(name.to_owned());
        let to = name.to_owned();
        if renamed {
            kept.names.remove(&draft);
            kept.events.push(Event::Rename { from: draft, to });
        } else {
            kept.events.push(Event::Create { name: to });
        }
    }

    pub(crate) fn written(&self, name: &str, at: usize, bytes: &[u8]) {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.kept().events.push(Event::Write { name, at, bytes });
    }

    pub(crate) fn truncated(&self, name: &str, size: usize) {
        let name = name.to_owned();
        self.kept().events.push(Event::Truncate { name, size });
    }

    pub(crate) fn synced(&self, name: &str) {
        if !self.plant.forgets(name) {
            let name = name.to_owned();
            self.kept().events.push(Event::Sync { name });
        }
    }

    pub(crate) fn deleted(&self, name: &str, durable: bool) {
        let mut kept = self.kept();
        if kept.names.remove(name) {
            let name = name.to_owned();
            kept.events.push(Event::Delete { name, durable });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
