//! What a disk was told, and what of it was promised to stay.
//!
//! A file is its synced bytes and the changes since. A name is durable when the folder is synced: SQLite does so with the
//! first sync of a log or journal that it made, and with a deletion that must last; the store, after the rename.

use std::collections::BTreeMap;

use crate::log::Event;

/// A change that no sync has covered yet.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Its place in the order of all that was done.
    pub(crate) at: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Bytes { at: usize, bytes: Vec<u8> },
    Size(usize),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    pub(crate) safe: Vec<u8>,
    pub(crate) open: Vec<Change>,
    name_synced: bool,
}

/// A change of a name that no sync has covered yet.
#[derive(Debug, Clone)]
enum Naming {
    Give(String, usize),
    Take(String),
    Move(String, String),
}

/// The files of a folder on a disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) files: Vec<File>,
    now: BTreeMap<String, usize>,
    safe: BTreeMap<String, usize>,
    naming: Vec<Naming>,
    done: usize,
}

impl Disk {
    /// Does what was done next.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.done += 1;
        match event {
            Event::Create { name } => {
                self.files.push(File::default());
                self.name(Naming::Give(name.clone(), self.files.len() - 1));
            }
            Event::Write { name, at, bytes } => {
                let (at, bytes) = (*at, bytes.clone());
                self.change(name, What::Bytes { at, bytes });
            }
            Event::Truncate { name, size } => self.change(name, What::Size(*size)),
            Event::Sync { name } => self.sync(name),
            Event::Delete { name, durable } => {
                self.name(Naming::Take(name.clone()));
                if *durable {
                    self.sync_folder();
                }
            }
            Event::Rename { from, to } => self.name(Naming::Move(from.clone(), to.clone())),
        }
    }

    /// The folder is synced.
    pub(crate) fn sync_folder(&mut self) {
        self.safe = self.now.clone();
        self.naming.clear();
    }

    /// How many changes of names no sync has covered.
    pub(crate) fn open_names(&self) -> usize {
        self.naming.len()
    }

    /// How many changes of bytes no sync has covered.
    pub(crate) fn open_changes(&self) -> usize {
        self.files.iter().map(|file| file.open.len()).sum()
    }

    /// The names after so many of the changes that no sync has covered.
    pub(crate) fn names(&self, kept: usize) -> BTreeMap<String, usize> {
        let mut names = self.safe.clone();
        for naming in self.naming.iter().take(kept) {
            naming.apply(&mut names);
        }
        names
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.now);
        self.naming.push(naming);
    }

    fn change(&mut self, name: &str, what: What) {
        let at = self.done;
        if let Some(file) = self.now.get(name).and_then(|ix| self.files.get_mut(*ix)) {
            file.open.push(Change { at, what });
        }
    }

    fn sync(&mut self, name: &str) {
        let Some(file) = self.now.get(name).and_then(|ix| self.files.get_mut(*ix)) else {
            return;
        };
        for change in std::mem::take(&mut file.open) {
            change.what.apply(&mut file.safe);
        }
        let made_by_sqlite = name.ends_with("-wal") || name.ends_with("-journal");
        if made_by_sqlite && !std::mem::replace(&mut file.name_synced, true) {
            self.sync_folder();
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Give(name, ix) => drop(names.insert(name.clone(), *ix)),
            Self::Take(name) => drop(names.remove(name)),
            Self::Move(from, to) => {
                if let Some(ix) = names.remove(from) {
                    names.insert(to.clone(), ix);
                }
            }
        }
    }
}

impl What {
    pub(crate) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => put(file, *at, bytes),
            Self::Size(size) => file.resize(*size, 0),
        }
    }
}

/// Puts bytes into a file; what lies between its end and them is zero.
pub(crate) fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::Disk;
    use crate::log::Event;

    fn write(name: &str, bytes: &[u8]) -> Event {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        Event::Write { name, at: 0, bytes }
    }

    #[test]
    fn only_what_was_synced_is_promised() {
        let mut disk = Disk::default();
        let name = "state.db-wal".to_owned();
        disk.apply(&Event::Create { name: name.clone() });
        disk.apply(&write(&name, b"one"));
        assert!(disk.names(0).is_empty(), "its name was not synced");
        disk.apply(&Event::Sync { name: name.clone() });
        disk.apply(&write(&name, b"two"));
        assert_eq!(disk.files[disk.names(0)[&name]].safe, b"one");
        assert_eq!(disk.open_changes(), 1);
    }

    #[test]
    fn a_deletion_that_was_not_synced_may_be_undone() {
        let mut disk = Disk::default();
        let name = "state.db-wal".to_owned();
        disk.apply(&Event::Create { name: name.clone() });
        disk.apply(&Event::Sync { name: name.clone() });
        let durable = false;
        disk.apply(&Event::Delete {
            name: name.clone(),
            durable,
        });
        assert!(disk.names(0).contains_key(&name));
        assert!(!disk.names(1).contains_key(&name));
    }
}
