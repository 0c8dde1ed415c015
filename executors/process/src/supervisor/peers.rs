//! The connections of engines: who they are, what has arrived, what waits to be sent.
//!
//! Only processes of the same user are heard. A peer that sends nonsense, or does not read what it asked for, loses
//! its connection; nothing that a peer does ends the supervisor.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::outbox::Outbox;
use crate::protocol::{Answer, Inbox, Question, Refusal, RefusalKind, Say, frame};

/// The most connections at a time.
const MOST_PEERS: usize = 64;
/// The most bytes that wait for a peer that does not read.
const MOST_WAITING: usize = 16 * 1024 * 1024;
const READ: usize = 64 * 1024;

struct Peer {
    stream: UnixStream,
    inbox: Inbox,
    outbox: Outbox,
    greeted: bool,
    /// Whether the loop is to tell when the peer takes more.
    told_of_room: bool,
}

/// Every open connection.
pub(super) struct Peers {
    next: u64,
    open: HashMap<u64, Peer>,
    buffer: Vec<u8>,
}

impl Peers {
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            open: HashMap::new(),
            buffer: vec![0; READ],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.open.contains_key(&id)
    }

    /// Takes one waiting connection; `None` when there is no more.
    pub(super) fn accept(&mut self, listener: &UnixListener) -> Option<Option<u64>> {
        let (stream, _) = listener.accept().ok()?;
        if self.open.len() >= MOST_PEERS
            || !is_ours(&stream)
            || stream.set_nonblocking(true).is_err()
        {
            return Some(None);
        }
        let id = self.next;
        self.next += 1;
        let peer = Peer {
            stream,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            greeted: false,
            told_of_room: false,
        };
        self.open.insert(id, peer);
        Some(Some(id))
    }

    pub(super) fn stream(&self, id: u64) -> Option<impl AsFd> {
        self.open.get(&id).map(|peer| &peer.stream)
    }

    pub(super) fn is_greeted(&self, id: u64) -> bool {
        self.open.get(&id).is_some_and(|peer| peer.greeted)
    }

    pub(super) fn greet(&mut self, id: u64) {
        if let Some(peer) = self.open.get_mut(&id) {
            peer.greeted = true;
        }
    }

    /// Reads what has arrived, at most a few buffers; false when the connection is at its end.
    pub(super) fn read(&mut self, id: u64, questions: &mut Vec<Question>) -> bool {
        let Some(peer) = self.open.get_mut(&id) else {
            return false;
        };
        // Level-triggered: what is left is told again, so that one peer cannot keep us from the others.
        for _ in 0..16 {
            match peer.stream.read(&mut self.buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    peer.inbox.push(&self.buffer[..count]);
                    if !peer.take_questions(questions) {
                        return false;
                    }
                    if count < READ {
                        return true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Sends an answer, at once as far as possible; false when the connection is broken.
    pub(super) fn answer(&mut self, id: u64, answer: &Answer) -> bool {
        let Some(peer) = self.open.get_mut(&id) else {
            return true;
        };
        let bytes = frame(answer).or_else(|error| {
            let refusal = Refusal::new(RefusalKind::Unavailable, error.full());
            let id = answer.id;
            frame(&Answer {
                id,
                say: Say::Refused(refusal),
            })
        });
        let Ok(bytes) = bytes else {
            return false;
        };
        peer.outbox.push(&bytes);
        peer.flush() && peer.outbox.len() <= MOST_WAITING
    }

    /// Sends what waits; false when the connection is broken.
    pub(super) fn flush(&mut self, id: u64) -> bool {
        self.open.get_mut(&id).is_none_or(Peer::flush)
    }

    /// Whether the loop must begin (or cease) to tell when the peer takes more; `None` if all stays as it is.
    pub(super) fn change_of_interest(&mut self, id: u64) -> Option<bool> {
        let peer = self.open.get_mut(&id)?;
        let waits = !peer.outbox.is_empty();
        let changed = waits != peer.told_of_room;
        peer.told_of_room = waits;
        changed.then_some(waits)
    }

    /// Closing a socket also takes it out of the epoll set.
    pub(super) fn remove(&mut self, id: u64) {
        drop(self.open.remove(&id));
    }
}

impl Peer {
    fn flush(&mut self) -> bool {
        let stream = &self.stream;
        self.outbox.flush(|bytes| (&*stream).write(bytes)).is_ok()
    }

    /// False when something arrived that no engine says.
    fn take_questions(&mut self, questions: &mut Vec<Question>) -> bool {
        loop {
            match self.inbox.next_frame() {
                Ok(Some(body)) => match serde_json::from_slice(body) {
                    Ok(question) => questions.push(question),
                    Err(_) => return false,
                },
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}
