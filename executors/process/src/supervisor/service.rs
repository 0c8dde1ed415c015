//! The loop of the supervisor: it waits for connections, ends of commands, growing logs and the clock.
//!
//! A launch blocks the loop until the command has begun (a fraction of a millisecond), so only one is made between
//! two looks at everything else.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use super::attempts::Attempts;
use super::log_watch::LogWatch;
use super::options::Options;
use super::peers::Peers;
use super::waiters::{Waiter, Waiters};
use crate::error::Error;
use crate::files::Root;
use crate::machine::Machine;
use crate::protocol::{Answer, Ask, Launch, NEWEST, OLDEST, Question, Refusal, RefusalKind, Say};

/// How often orphans that ended are taken leave of, and other things that are not urgent.
const CHORES: Duration = Duration::from_secs(5);
/// Longer waits are cut to this; the engine asks again.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// What a readiness event is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Listener,
    Logs,
    Peer(u64),
    Command(i32),
}

impl Source {
    fn data(self) -> epoll::EventData {
        epoll::EventData::new_u64(match self {
            Self::Listener => 0,
            Self::Logs => 1,
            Self::Peer(id) => 2 | id << 2,
            Self::Command(pid) => 3 | u64::from(pid.cast_unsigned()) << 2,
        })
    }

    fn of(event: epoll::Event) -> Self {
        let data = event.data.u64();
        match data & 3 {
            0 => Self::Listener,
            1 => Self::Logs,
            2 => Self::Peer(data >> 2),
            _ => Self::Command(u32::try_from(data >> 2).unwrap_or(0).cast_signed()),
        }
    }
}

pub(super) struct PendingLaunch {
    pub(super) peer: u64,
    pub(super) question: u64,
    pub(super) launch: Launch,
}

/// All that the supervisor holds.
pub(super) struct Service {
    epoll: OwnedFd,
    listener: UnixListener,
    pub(super) machine: Machine,
    pub(super) root: Root,
    store: String,
    idle: Duration,
    pub(super) peers: Peers,
    pub(super) attempts: Attempts,
    pub(super) waiters: Waiters,
    pub(super) logs: LogWatch,
    pub(super) launches: VecDeque<PendingLaunch>,
    busy_until: Instant,
    next_chores: Instant,
}

impl Service {
    pub(super) fn new(options: &Options, listener: UnixListener) -> Result<Self, Error> {
        let epoll =
            epoll::create(epoll::CreateFlags::CLOEXEC).map_err(Error::system("create an epoll"))?;
        let now = Instant::now();
        let service = Self {
            epoll,
            listener,
            machine: Machine::read()?,
            root: options.root(),
            store: options.store.clone(),
            idle: options.idle,
            peers: Peers::new(),
            attempts: Attempts::default(),
            waiters: Waiters::default(),
            logs: LogWatch::new(options.log_limit),
            launches: VecDeque::new(),
            busy_until: now,
            next_chores: now + CHORES,
        };
        service
            .watch(&service.listener, Source::Listener)
            .map_err(Error::system("watch the socket"))?;
        if let Some(logs) = service.logs.fd() {
            service
                .watch(logs, Source::Logs)
                .map_err(Error::system("watch the logs"))?;
        }
        Ok(service)
    }

    pub(super) fn watch(&self, source: impl AsFd, name: Source) -> rustix::io::Result<()> {
        epoll::add(&self.epoll, source, name.data(), epoll::EventFlags::IN)
    }

    /// Serves until nobody has needed it for the idle time.
    pub(super) fn run(mut self) -> Result<(), Error> {
        let mut events = Vec::with_capacity(256);
        loop {
            let now = Instant::now();
            if !self.attempts.is_idle() || !self.peers.is_empty() {
                self.busy_until = now;
            } else if now >= self.busy_until + self.idle {
                return Ok(());
            }
            let timeout = self.timeout(now);
            events.clear();
            match epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                timeout.as_ref(),
            ) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::system("wait for events")(error)),
            }
            for event in events.drain(..) {
                self.handle(Source::of(event));
            }
            self.launch_next();
            self.on_clock(Instant::now());
        }
    }

    fn timeout(&mut self, now: Instant) -> Option<Timespec> {
        if !self.launches.is_empty() {
            return Some(Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            });
        }
        let idle = self.peers.is_empty() && self.attempts.is_idle();
        let kill = self
            .attempts
            .stopping()
            .filter(|(_, live)| live.stop.is_some_and(|stop| !stop.killed));
        let kill = kill
            .filter_map(|(_, live)| live.stop.map(|stop| stop.kill_at))
            .min();
        let chores = (!self.attempts.is_idle()).then_some(self.next_chores);
        let wakes = [
            idle.then(|| self.busy_until + self.idle),
            kill,
            chores,
            self.waiters.next_deadline(),
            self.logs.next_tick(),
        ];
        let wait = wakes
            .into_iter()
            .flatten()
            .min()?
            .saturating_duration_since(now);
        // A little late rather than a little early, which would be a turn for nothing.
        Timespec::try_from(wait).ok()
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Listener => self.accept(),
            Source::Logs => self.logs.on_events(),
            Source::Peer(id) => self.serve(id),
            Source::Command(pid) => self.on_end(pid),
        }
    }

    fn accept(&mut self) {
        while let Some(peer) = self.peers.accept(&self.listener) {
            let Some(id) = peer else { continue };
            let flags = epoll::EventFlags::IN;
            let watched = self.peers.stream(id).is_some_and(|stream| {
                epoll::add(&self.epoll, stream, Source::Peer(id).data(), flags).is_ok()
            });
            if !watched {
                self.peers.remove(id);
            }
        }
    }

    fn serve(&mut self, id: u64) {
        let mut questions = Vec::new();
        let alive = self.peers.read(id, &mut questions);
        for question in questions {
            if !self.peers.contains(id) {
                return;
            }
            self.hear(id, question);
        }
        if alive && self.peers.flush(id) {
            self.watch_writing(id);
        } else {
            self.part(id);
        }
    }

    fn hear(&mut self, peer: u64, question: Question) {
        let id = question.id;
        if !self.peers.is_greeted(peer) && !matches!(question.ask, Ask::Hello { .. }) {
            self.part(peer);
            return;
        }
        let say = match question.ask {
            Ask::Hello {
                oldest,
                newest,
                store,
            } => self.greet(peer, oldest, newest, &store),
            Ask::Launch(launch) => {
                let question = id;
                self.launches.push_back(PendingLaunch {
                    peer,
                    question,
                    launch,
                });
                return;
            }
            Ask::Wait { keys, patience_ms } => {
                return self.wait(peer, id, keys, Duration::from_millis(patience_ms));
            }
            Ask::Forget { id } => return self.waiters.forget(peer, id),
            Ask::Cancel { key, grace_ms } => self.cancel(&key, Duration::from_millis(grace_ms)),
            Ask::Find { key } => Say::Standings(vec![self.standing(&key)]),
        };
        self.answer(peer, id, say);
    }

    fn greet(&mut self, peer: u64, oldest: u32, newest: u32, store: &str) -> Say {
        let pid = std::process::id();
        let disagreed =
            |message: String| Say::Refused(Refusal::new(RefusalKind::Disagreed, message));
        if store != self.store {
            return disagreed(format!(
                "process {pid} serves store {}, not {store}",
                self.store
            ));
        }
        let protocol = newest.min(NEWEST);
        if protocol < oldest.max(OLDEST) {
            return disagreed(format!(
                "process {pid} speaks protocol {OLDEST} to {NEWEST}, this noctule {oldest} to {newest}; use the \
                 version that started it, or end it when its commands are done"
            ));
        }
        self.peers.greet(peer);
        Say::Hello { protocol, pid }
    }

    fn wait(&mut self, peer: u64, question: u64, keys: Vec<String>, patience: Duration) {
        let standings: Vec<_> = keys.iter().map(|key| self.standing(key)).collect();
        let news = standings.iter().any(|standing| !standing.is_running());
        if news || patience.is_zero() || keys.is_empty() {
            self.answer(peer, question, Say::Standings(standings));
            return;
        }
        let deadline = Instant::now() + patience.min(LONGEST_WAIT);
        self.waiters.add(peer, question, keys, Some(deadline));
    }

    pub(super) fn tell(&mut self, waiter: &Waiter) {
        let standings = waiter.keys.iter().map(|key| self.standing(key)).collect();
        self.answer(waiter.peer, waiter.question, Say::Standings(standings));
    }

    fn on_clock(&mut self, now: Instant) {
        self.logs.tick(now);
        for waiter in self.waiters.take_due(now) {
            self.tell(&waiter);
        }
        self.kill_overdue(now);
        if now >= self.next_chores {
            self.next_chores = now + CHORES;
            self.bury_orphans();
        }
    }

    pub(super) fn answer(&mut self, peer: u64, id: u64, say: Say) {
        if self.peers.answer(peer, &Answer { id, say }) {
            self.watch_writing(peer);
        } else {
            self.part(peer);
        }
    }

    /// Asks to be told when a slow reader takes more, as long as something waits for it.
    fn watch_writing(&mut self, peer: u64) {
        let Some(waits) = self.peers.change_of_interest(peer) else {
            return;
        };
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, waits);
        if let Some(stream) = self.peers.stream(peer) {
            let _ = epoll::modify(&self.epoll, stream, Source::Peer(peer).data(), flags);
        }
    }

    fn part(&mut self, peer: u64) {
        self.waiters.forget_peer(peer);
        self.peers.remove(peer);
    }
}
