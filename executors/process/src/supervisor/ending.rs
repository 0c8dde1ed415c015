//! Ends: of commands that end, that are asked to, and that have to be killed.

use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions};

use super::attempts::Stop;
use super::leftovers;
use super::service::{LONGEST_WAIT, Service};
use crate::protocol::{Refusal, RefusalKind, Say};
use crate::record::{self, Exit};

impl Service {
    /// Asks the command to end. The kill after the grace is ours to do, whatever becomes of the engine.
    pub(super) fn cancel(&mut self, key: &str, grace: Duration) -> Say {
        // Takes a command of an earlier supervisor over, if there is one.
        let standing = self.standing(key);
        let kill_at = Instant::now() + grace.min(LONGEST_WAIT);
        if let Some(live) = self.attempts.live_mut(key) {
            match &mut live.stop {
                Some(stop) => stop.kill_at = stop.kill_at.min(kill_at),
                None => {
                    live.stop = Some(Stop {
                        kill_at,
                        killed: false,
                    });
                    live.signal(&self.machine, Signal::TERM);
                    // A stopped process hears TERM only when it goes on.
                    live.signal(&self.machine, Signal::CONT);
                }
            }
        } else if standing.is_running() {
            let message = format!("failed to watch {key}, which has to be stopped");
            return Say::Refused(Refusal::new(RefusalKind::Unavailable, message));
        }
        Say::Cancelling
    }

    pub(super) fn on_end(&mut self, pid: i32) {
        let Some(key) = self.attempts.key_of(pid).map(str::to_owned) else {
            return;
        };
        let Some(live) = self.attempts.live_mut(&key) else {
            return;
        };
        if live.stop.is_some() {
            // Before we wait for it: until then the number of its group cannot be another's.
            live.signal(&self.machine, Signal::KILL);
        }
        if let Some(exit) = live.reap() {
            self.finish(&key, exit);
        }
    }

    /// Writes the end down, then tells it.
    fn finish(&mut self, key: &str, exit: Exit) {
        self.logs.end(key);
        if let Ok(files) = self.root.attempt(key) {
            // A full disk must not hide the end from an engine that is here to hear it.
            drop(record::write_exit(&files, &exit));
        }
        let cancelled = exit.cancelled;
        self.attempts.end(key, exit);
        if cancelled {
            leftovers::kill(key, |pid| self.attempts.is_leader(pid));
        }
        for waiter in self.waiters.take(key) {
            self.tell(&waiter);
        }
    }

    /// Kills what has used up its grace.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        let machine = &self.machine;
        for (_, live) in self.attempts.stopping() {
            let Some(stop) = live.stop.filter(|stop| !stop.killed && stop.kill_at <= now) else {
                continue;
            };
            live.stop = Some(Stop {
                killed: true,
                ..stop
            });
            live.signal(machine, Signal::KILL);
        }
    }

    /// Orphans that came to us and ended. Never takes the status of a command away.
    pub(super) fn bury_orphans(&mut self) {
        for pid in leftovers::children() {
            if !self.attempts.is_leader(pid.as_raw_nonzero().get()) {
                let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }
}
