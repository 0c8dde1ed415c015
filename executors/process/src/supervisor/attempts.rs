//! The attempts that this supervisor knows: those that run, and the latest that ended.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use crate::machine::{Life, Machine, start_time};
use crate::record::{Exit, Standing, Start, now};

/// How many ended attempts are remembered; older ones are read from their records.
const REMEMBERED: usize = 1024;

/// A request to stop, and when it turns into a kill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) kill_at: Instant,
    pub(super) killed: bool,
}

/// A running command.
pub(super) struct Live {
    pub(super) start: Start,
    pub(super) stop: Option<Stop>,
    /// Readable when the process has ended.
    pub(super) pidfd: OwnedFd,
    /// Started here: its exit status comes to us.
    child: bool,
}

/// Every attempt at hand, by key.
#[derive(Default)]
pub(super) struct Attempts {
    live: HashMap<String, Live>,
    by_pid: HashMap<i32, String>,
    ended: HashMap<String, (Start, Exit)>,
    order: VecDeque<String>,
}

impl Attempts {
    pub(super) fn is_idle(&self) -> bool {
        self.live.is_empty()
    }

    pub(super) fn standing(&self, key: &str) -> Option<Standing> {
        if let Some(live) = self.live.get(key) {
            let start = live.start.clone();
            return Some(Standing::Running { start });
        }
        let (start, exit) = self.ended.get(key)?.clone();
        Some(Standing::Ended { start, exit })
    }

    pub(super) fn live_mut(&mut self, key: &str) -> Option<&mut Live> {
        self.live.get_mut(key)
    }

    pub(super) fn key_of(&self, pid: i32) -> Option<&str> {
        self.by_pid.get(&pid).map(String::as_str)
    }

    pub(super) fn is_leader(&self, pid: i32) -> bool {
        self.by_pid.contains_key(&pid)
    }

    pub(super) fn insert(&mut self, key: &str, live: Live) {
        self.by_pid.insert(live.start.pid, key.to_owned());
        self.live.insert(key.to_owned(), live);
    }

    /// The attempts that were asked to stop.
    pub(super) fn stopping(&mut self) -> impl Iterator<Item = (&str, &mut Live)> {
        self.live
            .iter_mut()
            .filter(|(_, live)| live.stop.is_some())
            .map(|(key, live)| (key.as_str(), live))
    }

    pub(super) fn end(&mut self, key: &str, exit: Exit) {
        let Some(live) = self.live.remove(key) else {
            return;
        };
        self.by_pid.remove(&live.start.pid);
        self.ended.insert(key.to_owned(), (live.start, exit));
        self.order.push_back(key.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

impl Live {
    /// A command that was started just now and not waited for: its pid is its own.
    pub(super) fn child(pid: i32, machine: &Machine) -> rustix::io::Result<Self> {
        let id = Pid::from_raw(pid).ok_or(rustix::io::Errno::INVAL)?;
        let pidfd = rustix::process::pidfd_open(id, PidfdFlags::empty())?;
        let start = Start {
            pid,
            start_time: start_time(pid).ok_or(rustix::io::Errno::SRCH)?,
            boot_id: machine.boot_id.clone(),
            host: machine.host.clone(),
            started_at: now(),
        };
        let child = true;
        let stop = None;
        Ok(Self {
            start,
            stop,
            pidfd,
            child,
        })
    }

    /// A command that an earlier supervisor started, if it is still the same process.
    pub(super) fn found(start: Start, machine: &Machine) -> Option<Self> {
        let id = Pid::from_raw(start.pid)?;
        let pidfd = rustix::process::pidfd_open(id, PidfdFlags::empty()).ok()?;
        // Looked at after the descriptor is held: it is this very process that the descriptor stands for.
        (machine.life(&start) == Life::Alive).then_some(Self {
            start,
            stop: None,
            pidfd,
            child: false,
        })
    }

    /// A signal to the whole group, while the process that gave it its number is there.
    pub(super) fn signal(&self, machine: &Machine, signal: Signal) {
        // A child keeps its pid until we wait for it; of others the identity is looked at again.
        let is_the_same = self.child || machine.life(&self.start) == Life::Alive;
        if let Some(group) = Pid::from_raw(self.start.pid).filter(|_| is_the_same) {
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    /// How the command ended; `None` if it has not.
    pub(super) fn reap(&self) -> Option<Exit> {
        let mut exit = Exit::unseen(self.stop.is_some());
        if !self.child {
            return Some(exit);
        }
        match rustix::process::waitpid(Pid::from_raw(self.start.pid), WaitOptions::NOHANG) {
            Ok(Some((_, status))) => {
                exit.code = status.exit_status();
                exit.signal = status.terminating_signal();
                Some(exit)
            }
            Ok(None) => None,
            Err(_) => Some(exit),
        }
    }
}
