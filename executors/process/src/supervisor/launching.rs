//! Launches: at most one command for a key, and those of an earlier supervisor taken over.

use std::fs::File;

use super::attempts::Live;
use super::service::{Service, Source};
use super::spawn;
use crate::error::Error;
use crate::files::{Files, LOG};
use crate::protocol::{Launch, Refusal, RefusalKind, Say};
use crate::record::{self, Exit, Standing, Start};

impl Service {
    pub(super) fn launch_next(&mut self) {
        let Some(next) = self.launches.pop_front() else {
            return;
        };
        // An engine that is gone asks for it again when it is back.
        if self.peers.contains(next.peer) {
            let say = match self.launch(&next.launch) {
                Ok(start) => Say::Started(start),
                Err(refusal) => Say::Refused(refusal),
            };
            self.answer(next.peer, next.question, say);
        }
    }

    /// Starts a command, at most once for a key.
    fn launch(&mut self, launch: &Launch) -> Result<Start, Refusal> {
        let unavailable = |error: &Error| Refusal::new(RefusalKind::Unavailable, error.full());
        let files = self
            .root
            .attempt(&launch.key)
            .map_err(|error| unavailable(&error))?;
        let claim = files.claim().map_err(Error::file("create", files.path()));
        let Some(record) = claim.map_err(|error| unavailable(&error))? else {
            return self.launched_before(&launch.key);
        };
        let pid = spawn::spawn(launch, &files).map_err(|refusal| match files.remove() {
            Ok(()) => refusal,
            // The record would stand for a launch of which nobody knows.
            Err(error) => Refusal {
                message: format!("{}; failed to remove its record: {error}", refusal.message),
                ..refusal
            },
        })?;
        self.begin(&launch.key, pid, &files, &record)
    }

    fn begin(
        &mut self,
        key: &str,
        pid: i32,
        files: &Files,
        record: &File,
    ) -> Result<Start, Refusal> {
        let unknown = |what: &str, error: std::io::Error| {
            let message = format!("failed to {what} the started command (pid {pid}): {error}");
            Refusal::new(RefusalKind::Unknown, message)
        };
        let live =
            Live::child(pid, &self.machine).map_err(|error| unknown("watch", error.into()))?;
        self.watch(&live.pidfd, Source::Command(pid))
            .map_err(|error| unknown("watch", error.into()))?;
        let start = live.start.clone();
        // Watched before the record is written: whatever comes of that, its end is seen.
        self.attempts.insert(key, live);
        self.logs.begin(key, files.file(LOG));
        record::write_start(record, &start).map_err(|error| unknown("record", error))?;
        Ok(start)
    }

    fn launched_before(&mut self, key: &str) -> Result<Start, Refusal> {
        self.standing(key).start().cloned().ok_or_else(|| {
            let message =
                format!("an earlier supervisor ended while it started {key}: it may have run");
            Refusal::new(RefusalKind::Unknown, message)
        })
    }

    /// How an attempt stands; a running one that an earlier supervisor started is watched from now on.
    pub(super) fn standing(&mut self, key: &str) -> Standing {
        if let Some(standing) = self.attempts.standing(key) {
            return standing;
        }
        let Ok(files) = self.root.attempt(key) else {
            return Standing::Absent;
        };
        match Standing::read(&files, &self.machine) {
            Ok(Standing::Running { start }) => self.take_over(key, start, &files),
            Ok(Standing::Vanished { start }) => conclude(start, &files),
            Ok(standing) => standing,
            Err(_) => Standing::Unstarted,
        }
    }

    fn take_over(&mut self, key: &str, start: Start, files: &Files) -> Standing {
        let Some(live) = Live::found(start.clone(), &self.machine) else {
            return Standing::of_life(self.machine.life(&start), start);
        };
        if self.watch(&live.pidfd, Source::Command(start.pid)).is_ok() {
            self.attempts.insert(key, live);
            self.logs.begin(key, files.file(LOG));
        }
        Standing::Running { start }
    }
}

/// A command that ended while nobody watched: written down, so that it is said alike for ever.
fn conclude(start: Start, files: &Files) -> Standing {
    let exit = Exit::unseen(false);
    drop(record::write_exit(files, &exit));
    Standing::Ended { start, exit }
}
