//! The messages in memory, each to be found by what is asked of it: what is due, what is under way, what is troubled.
//!
//! Guarantees: no question of a turn and no change walks over all messages; at most one message of a line is being sent, and so many
//! of each kind as there are places. Every change of a message goes through here, so that no index is ever behind.
//!
//! Never: decides what is told.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Line, Lines};
use super::message::{Message, MessageId, SUBJECTS, Standing};
use super::notice::Cause;
use crate::run::Instant;

/// How much is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// More of the same cause may come.
    pub gathering: usize,
    /// To be sent.
    pub waiting: usize,
    /// Being sent.
    pub sending: usize,
    /// When the oldest of them was made.
    pub oldest: Option<Instant>,
}

/// The messages that are not over.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    all: BTreeMap<MessageId, Message>,
    /// By the instant at which they go out.
    gathering: BTreeSet<(Instant, MessageId)>,
    /// What gathers for a receiver: one message for each cause.
    gatherers: BTreeMap<(String, Cause), MessageId>,
    lines: Lines,
    /// Which messages remember a trouble.
    troubled: BTreeMap<String, BTreeSet<MessageId>>,
    /// What a receiver was told of a cause and remembers, by the instant of its sealing.
    told: BTreeMap<(String, Cause), BTreeSet<(Instant, MessageId)>>,
    /// What is to be delivered, by when it was made.
    undelivered: BTreeSet<(Instant, MessageId)>,
    /// What is delivered, and only remembers, by its last notice.
    remembering: BTreeSet<(Instant, MessageId)>,
    changed: BTreeSet<MessageId>,
}

impl Shelf {
    pub(super) fn put(&mut self, message: Message) {
        let id = message.id.clone();
        self.take(&id);
        for subject in &message.open {
            let of_subject = self.troubled.entry(subject.clone()).or_default();
            of_subject.insert(id.clone());
        }
        self.all.insert(id.clone(), message);
        self.index(&id);
    }

    pub(super) fn get(&self, id: &MessageId) -> Option<&Message> {
        self.all.get(id)
    }

    /// Changes a message; what it remembers is changed by [`remember`](Self::remember) and [`shut`](Self::shut) alone.
    pub(super) fn change(&mut self, id: &MessageId, change: impl FnOnce(&mut Message)) {
        self.unindex(id);
        if let Some(message) = self.all.get_mut(id) {
            change(message);
            self.changed.insert(id.clone());
        }
        self.index(id);
    }

    /// A message sees whether this trouble recovers, unless it has as many as it can have.
    pub(super) fn remember(&mut self, id: &MessageId, subject: &str) -> bool {
        let full = |message: &Message| message.open.len() >= SUBJECTS;
        if self.all.get(id).is_none_or(full) {
            return false;
        }
        self.change(id, |message| {
            message.open.insert(subject.to_owned());
        });
        let of_subject = self.troubled.entry(subject.to_owned()).or_default();
        of_subject.insert(id.clone());
        true
    }

    /// A message has no more to do with this trouble.
    pub(super) fn shut(&mut self, id: &MessageId, subject: &str) {
        self.change(id, |message| {
            message.open.remove(subject);
        });
        self.forget_trouble(id, subject);
    }

    /// A message has no more to do with any trouble; which it had.
    pub(super) fn shut_all(&mut self, id: &MessageId) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        self.change(id, |message| open = std::mem::take(&mut message.open));
        for subject in &open {
            self.forget_trouble(id, subject);
        }
        open
    }

    fn forget_trouble(&mut self, id: &MessageId, subject: &str) {
        if let Some(ids) = self.troubled.get_mut(subject) {
            ids.remove(id);
            if ids.is_empty() {
                self.troubled.remove(subject);
            }
        }
    }

    /// The messages that remember a trouble.
    pub(super) fn of_trouble(&self, subject: &str) -> impl Iterator<Item = &Message> {
        let ids = self.troubled.get(subject).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id))
    }

    /// What gathers for a receiver with a cause.
    pub(super) fn gatherer(&self, receiver: &str, cause: &Cause) -> Option<&MessageId> {
        self.gatherers.get(&(receiver.to_owned(), cause.clone()))
    }

    /// The latest that a receiver was told of a cause and remembers.
    pub(super) fn latest_told(&self, receiver: &str, cause: &Cause) -> Option<&Message> {
        let told = self.told.get(&(receiver.to_owned(), cause.clone()))?;
        self.all.get(&told.last()?.1)
    }

    /// A message whose gathering is over.
    pub(super) fn gathered(&self, now: Instant) -> Option<MessageId> {
        let (until, id) = self.gathering.first()?;
        (*until <= now).then(|| id.clone())
    }

    /// A message that is due and has a place.
    pub(super) fn sendable(&self, now: Instant) -> Option<MessageId> {
        self.lines.sendable(now)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let gathered = self.gathering.first().map(|(until, _)| *until);
        [gathered, self.lines.next()].into_iter().flatten().min()
    }

    pub(super) fn sending(&self) -> impl Iterator<Item = &Message> {
        self.lines.sending().filter_map(|id| self.all.get(id))
    }

    /// How much is to be delivered.
    pub(super) fn backlog(&self) -> Backlog {
        let (gathering, sending) = (self.gathering.len(), self.lines.sending().count());
        Backlog {
            gathering,
            waiting: self.undelivered.len().saturating_sub(gathering + sending),
            sending,
            oldest: self.undelivered.first().map(|(made, _)| *made),
        }
    }

    /// The one that only remembers for the longest, and since when; and how many do.
    pub(super) fn oldest_memory(&self) -> Option<(Instant, MessageId, usize)> {
        let (at, id) = self.remembering.first()?;
        Some((*at, id.clone(), self.remembering.len()))
    }

    pub(super) fn remembered(&self) -> impl Iterator<Item = &MessageId> {
        self.remembering.iter().map(|(_, id)| id)
    }

    /// What was changed since the last call; what is over is forgotten.
    pub(super) fn changes(&mut self) -> Vec<Message> {
        let ids = std::mem::take(&mut self.changed);
        let mut changed = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(message) = self.all.get(&id) else {
                continue;
            };
            changed.push(message.clone());
            if !message.is_live() {
                self.take(&id);
            }
        }
        changed
    }

    /// It is to be written (again).
    pub(super) fn touch(&mut self, id: &MessageId) {
        if self.all.contains_key(id) {
            self.changed.insert(id.clone());
        }
    }

    fn take(&mut self, id: &MessageId) -> Option<Message> {
        self.unindex(id);
        let message = self.all.remove(id)?;
        for subject in &message.open {
            self.forget_trouble(id, subject);
        }
        Some(message)
    }

    fn index(&mut self, id: &MessageId) {
        let Some(message) = self.all.get(id) else {
            return;
        };
        let id = id.clone();
        if message.standing.is_undelivered() {
            self.undelivered.insert((message.created_at, id.clone()));
        }
        match message.standing {
            Standing::Gathering { until, .. } => {
                if let Some(key) = key(message) {
                    self.gatherers.insert(key, id.clone());
                }
                self.gathering.insert((until, id.clone()));
            }
            Standing::Waiting { not_before } => {
                self.lines.wait(Line::of(&message.to), not_before, &id);
            }
            Standing::Sending => self.lines.send(Line::of(&message.to), &id),
            Standing::Sent { .. } | Standing::GivenUp { .. } | Standing::Kept => {
                if !message.open.is_empty() {
                    self.remembering.insert((message.latest_at, id.clone()));
                }
            }
        }
        if let (Some(key), Some(sealed)) = (key(message), message.sealed_at)
            && is_told(message)
        {
            self.told.entry(key).or_default().insert((sealed, id));
        }
    }

    fn unindex(&mut self, id: &MessageId) {
        let Some(message) = self.all.get(id) else {
            return;
        };
        let id = id.clone();
        self.undelivered.remove(&(message.created_at, id.clone()));
        match message.standing {
            Standing::Gathering { until, .. } => {
                if let Some(key) = key(message) {
                    self.gatherers.remove(&key);
                }
                self.gathering.remove(&(until, id.clone()));
            }
            Standing::Waiting { not_before } => {
                self.lines.leave(Line::of(&message.to), not_before, &id);
            }
            Standing::Sending => self.lines.sent(Line::of(&message.to), &id),
            Standing::Sent { .. } | Standing::GivenUp { .. } | Standing::Kept => {
                self.remembering.remove(&(message.latest_at, id.clone()));
            }
        }
        if let (Some(key), Some(sealed)) = (key(message), message.sealed_at)
            && let Some(told) = self.told.get_mut(&key)
        {
            told.remove(&(sealed, id));
            if told.is_empty() {
                self.told.remove(&key);
            }
        }
    }
}

fn key(message: &Message) -> Option<(String, Cause)> {
    Some((message.receiver()?.to_owned(), message.cause.clone()))
}

/// Whether somebody was told, and it is not over.
fn is_told(message: &Message) -> bool {
    message.standing != Standing::Kept && !message.open.is_empty()
}
