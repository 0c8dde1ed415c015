//! The bound of the logs, though commands write their files themselves.
//!
//! A quiet log costs nothing: the first write after a silence wakes us once (inotify, one shot), and from then on
//! the file is looked at every [`TICK`] until it is quiet again. A log over its limit is cut back to the limit and
//! a line that says so, each time; what a command can write in one tick is all that it can be over, for as long.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, inotify};

/// How often a log that grows is looked at.
const TICK: Duration = Duration::from_millis(50);

struct Watched {
    path: PathBuf,
    /// Set while the first write is waited for.
    watch: Option<i32>,
    size: u64,
}

/// The logs of running commands.
pub(super) struct LogWatch {
    limit: u64,
    inotify: Option<OwnedFd>,
    logs: HashMap<String, Watched>,
    by_watch: HashMap<i32, String>,
    growing: Vec<String>,
    next_tick: Option<Instant>,
}

impl LogWatch {
    /// Without inotify every log counts as one that grows.
    pub(super) fn new(limit: u64) -> Self {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Self {
            limit,
            inotify: inotify::init(flags).ok(),
            logs: HashMap::new(),
            by_watch: HashMap::new(),
            growing: Vec::new(),
            next_tick: None,
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.next_tick
    }

    /// A new command counts as one that writes until the first look: most have ended by then, and need no watch.
    pub(super) fn begin(&mut self, key: &str, path: PathBuf) {
        let log = Watched {
            path,
            watch: None,
            size: 0,
        };
        self.logs.insert(key.to_owned(), log);
        self.grows(key.to_owned());
    }

    /// The last look, when the command has ended.
    pub(super) fn end(&mut self, key: &str) {
        let Some(log) = self.logs.remove(key) else {
            return;
        };
        match log.watch {
            // Still armed: nothing was written since.
            Some(watch) => {
                self.by_watch.remove(&watch);
                self.unwatch(watch);
            }
            None => self.growing.retain(|other| other != key),
        }
        if size(&log.path) > self.limit {
            drop(cut(&log.path, self.limit));
        }
    }

    /// Takes the events of the logs that were written to.
    pub(super) fn on_events(&mut self) {
        for watch in self.events() {
            if let Some(key) = self.by_watch.remove(&watch) {
                if let Some(log) = self.logs.get_mut(&key) {
                    log.watch = None;
                }
                self.grows(key);
            }
        }
    }

    fn events(&self) -> Vec<i32> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut found = Vec::new();
        let Some(inotify) = &self.inotify else {
            return found;
        };
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        while let Ok(event) = reader.next() {
            found.push(event.wd());
        }
        found
    }

    /// Looks at the logs that grow, if it is time.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.next_tick.is_none_or(|tick| tick > now) {
            return;
        }
        for key in std::mem::take(&mut self.growing) {
            if self.look(&key) {
                self.growing.push(key);
            } else {
                self.arm(&key);
            }
        }
        self.next_tick = (!self.growing.is_empty()).then(|| now + TICK);
    }

    /// Whether the log grew since the last look.
    fn look(&mut self, key: &str) -> bool {
        let Some(log) = self.logs.get_mut(key) else {
            return false;
        };
        let before = log.size;
        log.size = size(&log.path);
        if log.size > self.limit + marker(self.limit).len() as u64 {
            drop(cut(&log.path, self.limit));
            return true;
        }
        log.size != before
    }

    fn arm(&mut self, key: &str) {
        let Some(log) = self.logs.get_mut(key) else {
            return;
        };
        let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::ONESHOT;
        let watch = self
            .inotify
            .as_ref()
            .and_then(|inotify| inotify::add_watch(inotify, &log.path, flags).ok());
        let Some(watch) = watch else {
            self.grows(key.to_owned());
            return;
        };
        if size(&log.path) == log.size {
            log.watch = Some(watch);
            self.by_watch.insert(watch, key.to_owned());
            return;
        }
        // Written between the last look and the watch: no event may come for that.
        self.unwatch(watch);
        self.grows(key.to_owned());
    }

    fn unwatch(&self, watch: i32) {
        if let Some(inotify) = &self.inotify {
            let _ = inotify::remove_watch(inotify, watch);
        }
    }

    fn grows(&mut self, key: String) {
        self.growing.push(key);
        self.next_tick.get_or_insert_with(|| Instant::now() + TICK);
    }
}

fn size(path: &Path) -> u64 {
    rustix::fs::lstat(path).map_or(0, |facts| u64::try_from(facts.st_size).unwrap_or(0))
}

fn marker(limit: u64) -> String {
    format!("\n[noctule: the log was cut here, at its limit of {limit} bytes]\n")
}

/// The marker stands at the limit, whatever the command writes meanwhile: this file is not opened for appending.
fn cut(path: &Path, limit: u64) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let marker = marker(limit);
    file.write_all_at(marker.as_bytes(), limit)?;
    file.set_len(limit + marker.len() as u64)
}
