//! The outbox: which messages there are, which notice goes into which, and what is to be sent when.
//!
//! | a message is | on | becomes |
//! |---|---|---|
//! | (none) | a notice | gathering, for the receiver's time |
//! | gathering | another notice of its cause | the same, with one more; its time begins anew, up to ten times of it |
//! | sealed less than an hour ago | another of its cause and its subjects, or of a cause beside the DAGs | a reminder gathers until the hour is over |
//! | gathering | its time is over | waiting |
//! | waiting | its instant | sending, with one more try: committed before it is sent |
//! | sending | taken | sent |
//! | sending | not taken | waiting, later; given up after a day of trying, or at once where the receiver will never take it |
//! | given up | somebody asks for it | waiting |
//! | any | its subjects end well | closed: the next one of its cause is news again |
//!
//! Guarantees: what changed is given out once for each commit, and the caller commits it with what caused it. A fresh
//! outbox over the same messages goes on; what was being sent goes again under its id. A turn costs what changes in it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::deciding::Told;
use super::message::{Message, MessageId, Recipient, Standing};
use super::notice::{Notice, line};
use super::rule::Occasion;
use super::shelf::{Backlog, Shelf};
use super::trying::{Undelivered, later, not_taken};
use crate::name::{DagHash, StoreId};
use crate::planted::{self, Bug};
use crate::run::Instant;

/// One cause makes one message and one reminder within this time.
const REMINDER: chrono::TimeDelta = chrono::TimeDelta::hours(1);
/// Gathering lasts at most so many times of the receiver's time.
const LONGEST: i32 = 10;
/// A trouble that was told is waited for so long; a job of once a year that failed may still be seen to recover.
const MEMORY: chrono::TimeDelta = chrono::TimeDelta::days(400);
/// So many messages only wait for a recovery.
const MEMORIES: usize = 5_000;
/// So many are let go of at once.
const SHED: usize = 100;

/// The messages that are not over.
#[derive(Debug)]
pub struct Outbox {
    store: StoreId,
    shelf: Shelf,
}

impl Outbox {
    /// The outbox of a store, from its messages that are live.
    #[must_use]
    pub fn of(store: StoreId, messages: Vec<Message>, now: Instant) -> Self {
        let mut shelf = Shelf::default();
        for mut message in messages {
            // Whether it arrived, nobody can tell: it is counted, and sent, once more.
            if message.standing == Standing::Sending {
                message.standing = Standing::Waiting { not_before: now };
            }
            shelf.put(message);
        }
        Self { store, shelf }
    }

    /// Hears what happened. `gather` says how long a receiver's messages are gathered.
    pub fn hear(&mut self, told: &Told, gather: impl Fn(&str) -> Duration, now: Instant) {
        let notice = &told.notice;
        if let Some(url) = &told.callback {
            let to = Recipient::Callback { url: url.clone() };
            let standing = Standing::Waiting { not_before: now };
            self.open(to, notice, standing, now);
        }
        let recovered = self.close(notice);
        for receiver in told.rule.iter().flat_map(|rule| &rule.to) {
            let rule = told.rule.as_ref();
            let tells = |occasion| rule.is_some_and(|rule| rule.tells(occasion));
            if tells(Occasion::Recovered) && recovered.contains(receiver.as_str()) {
                let well = Notice {
                    id: Notice::id_of(&[&notice.id, "recovered"]),
                    occasion: Occasion::Recovered,
                    ..notice.clone()
                };
                self.tell(receiver, &well, gather(receiver), now);
            } else if tells(notice.occasion) {
                self.tell(receiver, notice, gather(receiver), now);
            } else if tells(Occasion::Recovered) && notice.occasion.is_trouble() {
                self.keep(receiver, notice, now);
            }
        }
    }

    /// Whether this trouble was heard of already, and is not over.
    #[must_use]
    pub fn knows(&self, subject: &str) -> bool {
        self.shelf.of_trouble(subject).next().is_some()
    }

    fn tell(&mut self, receiver: &str, notice: &Notice, gather: Duration, now: Instant) {
        let gather = chrono::TimeDelta::from_std(gather).unwrap_or(chrono::TimeDelta::MAX);
        let gatherer = self.shelf.gatherer(receiver, &notice.cause());
        let gatherer = gatherer.filter(|_| !planted::is(Bug::CausesAreNotGathered));
        if let Some(id) = gatherer.cloned() {
            self.shelf.change(&id, |message| {
                message.fold(notice);
                if let Standing::Gathering { until, longest } = &mut message.standing {
                    *until = later(now, gather).min(*longest).max(*until);
                }
            });
            self.remember(&id, notice, now);
            return;
        }
        let to = Recipient::Receiver {
            name: receiver.to_owned(),
        };
        if let Some((before, until)) = self.to_remind_of(receiver, notice, now) {
            let standing = Standing::Gathering {
                until,
                longest: until,
            };
            let id = self.open(to, notice, standing, now);
            self.shelf
                .change(&id, |message| message.follows = Some(before));
            return;
        }
        let standing = Standing::Gathering {
            until: later(now, gather),
            longest: later(now, gather * LONGEST),
        };
        self.open(to, notice, standing, now);
    }

    /// The message of the last hour that this would only repeat, and when the hour is over.
    fn to_remind_of(
        &self,
        receiver: &str,
        notice: &Notice,
        now: Instant,
    ) -> Option<(MessageId, Instant)> {
        let (cause, subject) = (notice.cause(), notice.subject());
        let shared = notice.is_shared().then_some(());
        let latest = shared.and_then(|()| self.shelf.latest_told(receiver, &cause));
        let of_subject = self.shelf.of_trouble(&subject);
        let of_subject = of_subject.filter(|message| {
            message.standing != Standing::Kept
                && message.receiver() == Some(receiver)
                && message.cause == cause
        });
        let until = |message: &Message| Some(later(message.sealed_at?, REMINDER));
        latest
            .into_iter()
            .chain(of_subject)
            .filter_map(|message| Some((&message.id, until(message)?)))
            .filter(|(_, until)| *until > now)
            .max_by_key(|(_, until)| *until)
            .map(|(id, until)| (id.clone(), until))
    }

    fn keep(&mut self, receiver: &str, notice: &Notice, now: Instant) {
        let to = Recipient::Receiver {
            name: receiver.to_owned(),
        };
        let subject = notice.subject();
        let of_receiver = |message: &Message| message.receiver() == Some(receiver);
        let known = self.shelf.of_trouble(&subject).any(of_receiver);
        if !known {
            self.open(to, notice, Standing::Kept, now);
        }
    }

    fn open(
        &mut self,
        to: Recipient,
        notice: &Notice,
        standing: Standing,
        now: Instant,
    ) -> MessageId {
        let whom = match &to {
            Recipient::Receiver { name } => name,
            Recipient::Callback { url } => url,
        };
        let parts = [self.store.as_str(), whom, &notice.id].join("\u{1f}");
        let hash = DagHash::of(parts.as_bytes());
        let id = MessageId(format!("msg_{}", &hash.as_str()[..32]));
        let sealed_at = (!matches!(standing, Standing::Gathering { .. })).then_some(now);
        let message = Message {
            id: id.clone(),
            to,
            cause: notice.cause(),
            first: notice.clone(),
            count: 1,
            names: Vec::new(),
            open: BTreeSet::new(),
            follows: None,
            created_at: now,
            latest_at: now,
            sealed_at,
            tries: 0,
            tried_at: None,
            tried_for: 0,
            error: None,
            standing,
        };
        let to_receiver = message.receiver().is_some();
        self.shelf.put(message);
        self.shelf.touch(&id);
        if to_receiver {
            self.remember(&id, notice, now);
        }
        id
    }

    /// A message sees whether the trouble of a notice recovers. Those of an hour ago and more need not see it, too: else a
    /// trouble that never ends would be remembered once for each time that it was told.
    fn remember(&mut self, id: &MessageId, notice: &Notice, now: Instant) {
        let subject = notice.subject();
        if !notice.occasion.is_trouble() || !self.shelf.remember(id, &subject) {
            return;
        }
        let Some(receiver) = self.shelf.get(id).and_then(Message::receiver) else {
            return;
        };
        let is_past = |message: &&Message| {
            let sealed = message.sealed_at;
            message.id != *id
                && message.receiver() == Some(receiver)
                && !message.standing.is_undelivered()
                && (message.standing == Standing::Kept
                    || sealed.is_none_or(|sealed| later(sealed, REMINDER) <= now))
        };
        let past = self.shelf.of_trouble(&subject).filter(is_past);
        let past: Vec<MessageId> = past.map(|message| message.id.clone()).collect();
        for past in past {
            self.shelf.shut(&past, &subject);
        }
    }

    /// Closes what this end is the end of; gives the receivers that had heard of a trouble which is over by it.
    fn close(&mut self, notice: &Notice) -> BTreeSet<String> {
        let well = notice.occasion == Occasion::Succeeded;
        let ended = well
            || matches!(
                notice.occasion,
                Occasion::Failed | Occasion::TimedOut | Occasion::Cancelled
            );
        let of_task = notice.task.as_ref().is_some_and(|task| task.subject);
        let mut over = BTreeSet::new();
        if well {
            over.insert(notice.subject());
        }
        if let Some(run) = notice.run.as_ref().filter(|_| ended && !of_task) {
            over.insert(format!("{}@{run}", notice.dag));
        }
        let mut receivers = BTreeSet::new();
        for subject in over {
            let troubled = self.shelf.of_trouble(&subject);
            let ids: Vec<MessageId> = troubled.map(|message| message.id.clone()).collect();
            for id in ids {
                let receiver = self.shelf.get(&id).and_then(Message::receiver);
                receivers.extend(receiver.filter(|_| well).map(str::to_owned));
                self.shelf.shut(&id, &subject);
            }
        }
        receivers
    }

    /// Seals what has gathered long enough, and begins the sending of what is due and has a place: durable with the next
    /// commit, and only then to be sent. What is over for long and nobody saw recover is not waited for any more.
    pub fn turn(&mut self, now: Instant) {
        while let Some(id) = self.shelf.gathered(now) {
            self.seal(&id, now);
        }
        while let Some(id) = self.shelf.sendable(now) {
            self.shelf.change(&id, |message| {
                message.standing = Standing::Sending;
                message.tries += 1;
            });
        }
    }

    /// Lets go of troubles that were never seen to end: the oldest, a few at a time, so that neither memory nor a commit
    /// grows with the years. Their next success is not told as a recovery.
    pub fn shed(&mut self, now: Instant) {
        for _ in 0..SHED {
            let Some((at, id, count)) = self.shelf.oldest_memory() else {
                return;
            };
            if count <= MEMORIES && later(at, MEMORY) > now {
                return;
            }
            self.shelf.shut_all(&id);
        }
    }

    fn seal(&mut self, id: &MessageId, now: Instant) {
        self.shelf.change(id, |message| {
            message.standing = Standing::Waiting { not_before: now };
            message.sealed_at = Some(now);
        });
        // From now on this one remembers what the message before it did.
        let before = self
            .shelf
            .get(id)
            .and_then(|message| message.follows.clone());
        let Some(before) = before.filter(|before| self.shelf.get(before).is_some()) else {
            return;
        };
        for subject in self.shelf.shut_all(&before) {
            self.shelf.remember(id, &subject);
        }
    }

    /// The next instant at which [`turn`](Self::turn) has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.shelf.next_due()
    }

    /// What is being sent.
    pub fn sending(&self) -> impl Iterator<Item = &Message> {
        self.shelf.sending()
    }

    /// Hears what became of a sending; tells whether that was the last.
    pub fn sent(&mut self, id: &MessageId, how: Result<(), Undelivered>, now: Instant) -> bool {
        let is_sending = |message: &Message| message.standing == Standing::Sending;
        if !self.shelf.get(id).is_some_and(is_sending) {
            return false;
        }
        self.shelf.change(id, |message| {
            message.error = None;
            message.standing = match how {
                Ok(()) => Standing::Sent { at: now },
                Err(Undelivered::Never { error }) => {
                    message.error = Some(line(&error));
                    Standing::GivenUp { at: now }
                }
                Err(Undelivered::Later { error, after }) => {
                    message.error = Some(line(&error));
                    not_taken(message, after, now)
                }
            };
        });
        let given_up = |message: &Message| matches!(message.standing, Standing::GivenUp { .. });
        self.shelf.get(id).is_some_and(given_up)
    }

    /// Sends a message again that was given up, under its id, and is as patient as with a new one. False: it was not given
    /// up, so that there is nothing to send.
    pub fn resend(&mut self, message: Message, now: Instant) -> bool {
        let id = message.id.clone();
        let message = self.shelf.get(&id).cloned().unwrap_or(message);
        if !matches!(message.standing, Standing::GivenUp { .. }) {
            return false;
        }
        self.shelf.put(Message {
            standing: Standing::Waiting { not_before: now },
            tried_at: None,
            tried_for: 0,
            ..message
        });
        self.shelf.touch(&id);
        true
    }

    /// The store refused a message: it is not sent without having been counted, and not before then. How it stands now,
    /// unless it is over and let go of.
    pub fn unwritten(&mut self, id: &MessageId, until: Instant) -> Option<Message> {
        let message = self.shelf.get(id)?;
        if message.standing == Standing::Sending {
            let message = Message {
                standing: Standing::Waiting { not_before: until },
                ..message.clone()
            };
            self.shelf.put(message);
        }
        self.shelf.get(id).cloned()
    }

    /// How a message stands now, unless it is over and let go of.
    #[must_use]
    pub fn stands(&self, id: &MessageId) -> Option<Message> {
        self.shelf.get(id).cloned()
    }

    /// What has changed since the last call, as it is now; what is over is forgotten here, and stays in the store.
    pub fn changes(&mut self) -> Vec<Message> {
        self.shelf.changes()
    }

    /// What is delivered, and only remembers what is to recover.
    pub fn remembered(&self) -> impl Iterator<Item = &MessageId> {
        self.shelf.remembered()
    }

    /// How much is to be delivered; walks over no messages.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.shelf.backlog()
    }
}
