//! The lines in which messages wait to be sent: one for each receiver, one for each server that is called back.
//!
//! Guarantees: one message of a line is under way at a time; callbacks have places of their own, so that a server of
//! strangers that hangs delays no word to people.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{MessageId, Recipient};
use crate::run::Instant;

/// Messages to receivers that are sent at once.
pub(super) const RECEIVERS: usize = 16;
/// Callbacks that are sent at once.
pub(super) const CALLBACKS: usize = 8;

/// Who waits behind whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// Of a receiver, by its name.
    Receiver(String),
    /// Of a server that is called back, by its address without a path.
    Server(String),
}

impl Line {
    pub(super) fn of(to: &Recipient) -> Self {
        match to {
            Recipient::Receiver { name } => Self::Receiver(name.clone()),
            Recipient::Callback { url } => Self::Server(server(url)),
        }
    }
}

/// `https://host:port` of an address.
fn server(url: &str) -> String {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after..];
    let host = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    url[..after + host].to_ascii_lowercase()
}

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    receivers: Kind,
    servers: Kind,
}

/// The lines of one kind, with places of their own.
#[derive(Debug, Default)]
struct Kind {
    waiting: BTreeMap<Line, BTreeSet<(Instant, MessageId)>>,
    /// The first of each line of which nothing is under way.
    fronts: BTreeSet<(Instant, MessageId, Line)>,
    sending: BTreeMap<Line, BTreeSet<MessageId>>,
}

impl Lines {
    fn kind(&mut self, line: &Line) -> &mut Kind {
        match line {
            Line::Receiver(_) => &mut self.receivers,
            Line::Server(_) => &mut self.servers,
        }
    }

    fn each(&self) -> [(&Kind, usize); 2] {
        [(&self.receivers, RECEIVERS), (&self.servers, CALLBACKS)]
    }

    pub(super) fn wait(&mut self, line: Line, at: Instant, id: &MessageId) {
        self.kind(&line).change(line, |kind, line| {
            let waiting = kind.waiting.entry(line.clone()).or_default();
            waiting.insert((at, id.clone()));
        });
    }

    pub(super) fn leave(&mut self, line: Line, at: Instant, id: &MessageId) {
        self.kind(&line).change(line, |kind, line| {
            if let Some(waiting) = kind.waiting.get_mut(line) {
                waiting.remove(&(at, id.clone()));
                if waiting.is_empty() {
                    kind.waiting.remove(line);
                }
            }
        });
    }

    pub(super) fn send(&mut self, line: Line, id: &MessageId) {
        self.kind(&line).change(line, |kind, line| {
            let sending = kind.sending.entry(line.clone()).or_default();
            sending.insert(id.clone());
        });
    }

    pub(super) fn sent(&mut self, line: Line, id: &MessageId) {
        self.kind(&line).change(line, |kind, line| {
            if let Some(sending) = kind.sending.get_mut(line) {
                sending.remove(id);
                if sending.is_empty() {
                    kind.sending.remove(line);
                }
            }
        });
    }

    /// A message that is due, of a line of which nothing is under way, where there is a place.
    pub(super) fn sendable(&self, now: Instant) -> Option<MessageId> {
        let due = |(kind, places)| Kind::front(kind, places).filter(|(at, ..)| *at <= now);
        let first = self.each().into_iter().find_map(due);
        first.map(|(_, id, _)| id.clone())
    }

    /// When the next of them is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let fronts = self.each().into_iter();
        let fronts = fronts.filter_map(|(kind, places)| kind.front(places));
        fronts.map(|(at, ..)| *at).min()
    }

    pub(super) fn sending(&self) -> impl Iterator<Item = &MessageId> {
        let kinds = [&self.receivers, &self.servers].into_iter();
        kinds.flat_map(|kind| kind.sending.values().flatten())
    }
}

impl Kind {
    fn front(&self, places: usize) -> Option<&(Instant, MessageId, Line)> {
        self.fronts.first().filter(|_| self.sending.len() < places)
    }

    fn change(&mut self, line: Line, change: impl FnOnce(&mut Self, &Line)) {
        if let Some((at, id)) = self.first_of(&line) {
            self.fronts.remove(&(at, id, line.clone()));
        }
        change(self, &line);
        if let Some((at, id)) = self.first_of(&line) {
            self.fronts.insert((at, id, line));
        }
    }

    /// Who is the next of a line, unless one of it is under way.
    fn first_of(&self, line: &Line) -> Option<(Instant, MessageId)> {
        if self.sending.contains_key(line) {
            return None;
        }
        self.waiting.get(line)?.first().cloned()
    }
}
