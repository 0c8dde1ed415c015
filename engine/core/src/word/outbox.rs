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
//! | sending | not taken | waiting, later; given up after a day, or at once where the receiver will never take it |
//! | any | its subjects end well | closed: the next one of its cause is news again |
//!
//! Guarantees: what changed is given out once for each commit, and the caller commits it with what caused it. A fresh
//! outbox over the same messages goes on; one that was being sent is sent again under the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::deciding::Told;
use super::message::{Message, MessageId, Recipient, Standing};
use super::notice::{Notice, line};
use super::rule::Occasion;
use crate::name::{DagHash, StoreId};
use crate::run::Instant;

/// One cause makes one message and one reminder within this time.
const REMINDER: chrono::TimeDelta = chrono::TimeDelta::hours(1);
/// Gathering lasts at most so many times of the receiver's time.
const LONGEST: i32 = 10;
/// The pauses between sendings grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));
/// After this nobody waits for the receiver any more.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It may be taken later.
    Later {
        /// What was seen.
        error: String,
        /// The receiver asked not to be asked before.
        after: Option<Duration>,
    },
    /// It will never be taken.
    Never {
        /// What was seen.
        error: String,
    },
}

/// The messages that are not over.
#[derive(Debug)]
pub struct Outbox {
    store: StoreId,
    live: BTreeMap<MessageId, Message>,
    changed: BTreeSet<MessageId>,
}

impl Outbox {
    /// The outbox of a store, from its messages that are live.
    #[must_use]
    pub fn of(store: StoreId, messages: Vec<Message>, now: Instant) -> Self {
        let keyed = messages
            .into_iter()
            .map(|message| (message.id.clone(), message));
        let mut live: BTreeMap<MessageId, Message> = keyed.collect();
        for message in live.values_mut() {
            // Whether it arrived, nobody can tell: it is counted, and sent, once more.
            if message.standing == Standing::Sending {
                message.standing = Standing::Waiting { not_before: now };
            }
        }
        Self {
            store,
            live,
            changed: BTreeSet::new(),
        }
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
        self.live
            .values()
            .any(|message| message.open.contains(subject))
    }

    fn tell(&mut self, receiver: &str, notice: &Notice, gather: Duration, now: Instant) {
        let cause = notice.cause();
        let gather = chrono::TimeDelta::from_std(gather).unwrap_or(chrono::TimeDelta::MAX);
        let mut same = self.live.values_mut().filter(|message| {
            message.receiver() == Some(receiver)
                && message.cause == cause
                && message.standing != Standing::Kept
        });
        let gathering = same.find(|message| matches!(message.standing, Standing::Gathering { .. }));
        if let Some(message) = gathering {
            message.fold(notice);
            if let Standing::Gathering { until, longest } = &mut message.standing {
                *until = later(now, gather).min(*longest).max(*until);
            }
            self.changed.insert(message.id.clone());
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
            if let Some(message) = self.live.get_mut(&id) {
                message.follows = Some(before);
            }
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
        self.live
            .values()
            .filter(|message| message.receiver() == Some(receiver) && message.cause == cause)
            .filter(|message| !message.open.is_empty())
            .filter(|message| notice.is_shared() || message.open.contains(&subject))
            .filter_map(|message| Some((&message.id, later(message.sealed_at?, REMINDER))))
            .filter(|(_, until)| *until > now)
            .max_by_key(|(_, until)| *until)
            .map(|(id, until)| (id.clone(), until))
    }

    fn keep(&mut self, receiver: &str, notice: &Notice, now: Instant) {
        let to = Recipient::Receiver {
            name: receiver.to_owned(),
        };
        if !self.knows_for(receiver, &notice.subject()) {
            self.open(to, notice, Standing::Kept, now);
        }
    }

    fn knows_for(&self, receiver: &str, subject: &str) -> bool {
        let mut of_receiver = self
            .live
            .values()
            .filter(|message| message.receiver() == Some(receiver));
        of_receiver.any(|message| message.open.contains(subject))
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
        let mut message = Message {
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
            error: None,
            standing,
        };
        if message.receiver().is_some() {
            message.remember(notice);
        }
        self.live.insert(id.clone(), message);
        self.changed.insert(id.clone());
        id
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
        for message in self.live.values_mut() {
            let before = message.open.len();
            message.open.retain(|subject| !over.contains(subject));
            if message.open.len() < before {
                self.changed.insert(message.id.clone());
                receivers.extend(message.receiver().filter(|_| well).map(str::to_owned));
            }
        }
        receivers
    }

    /// Seals what has gathered long enough, and begins the sending of what is due: durable with the next commit, and only
    /// then to be sent.
    pub fn turn(&mut self, now: Instant) {
        let ids: Vec<MessageId> = self.live.keys().cloned().collect();
        for id in ids {
            self.seal(&id, now);
            let Some(message) = self.live.get_mut(&id) else {
                continue;
            };
            if matches!(message.standing, Standing::Waiting { not_before } if not_before <= now) {
                message.standing = Standing::Sending;
                message.tries += 1;
                self.changed.insert(id);
            }
        }
    }

    fn seal(&mut self, id: &MessageId, now: Instant) {
        let Some(message) = self.live.get_mut(id) else {
            return;
        };
        if !matches!(message.standing, Standing::Gathering { until, .. } if until <= now) {
            return;
        }
        message.standing = Standing::Waiting { not_before: now };
        message.sealed_at = Some(now);
        self.changed.insert(id.clone());
        // From now on this one remembers what the message before it did.
        let before = message.follows.clone();
        let Some(before) = before.and_then(|before| self.live.get_mut(&before)) else {
            return;
        };
        let open = std::mem::take(&mut before.open);
        self.changed.insert(before.id.clone());
        if let Some(message) = self.live.get_mut(id) {
            message.open.extend(open);
        }
    }

    /// The next instant at which [`turn`](Self::turn) has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let due = |message: &Message| match message.standing {
            Standing::Gathering { until, .. } => Some(until),
            Standing::Waiting { not_before } => Some(not_before),
            _ => None,
        };
        self.live.values().filter_map(due).min()
    }

    /// What is being sent.
    pub fn sending(&self) -> impl Iterator<Item = &Message> {
        let is_sending = |message: &&Message| message.standing == Standing::Sending;
        self.live.values().filter(is_sending)
    }

    /// Hears what became of a sending; tells whether that was the last.
    pub fn sent(&mut self, id: &MessageId, how: Result<(), Undelivered>, now: Instant) -> bool {
        let Some(message) = self.live.get_mut(id) else {
            return false;
        };
        if message.standing != Standing::Sending {
            return false;
        }
        self.changed.insert(id.clone());
        message.error = None;
        message.standing = match how {
            Ok(()) => Standing::Sent { at: now },
            Err(Undelivered::Never { error }) => {
                message.error = Some(line(&error));
                Standing::GivenUp { at: now }
            }
            Err(Undelivered::Later { error, after }) => {
                message.error = Some(line(&error));
                let since = message.sealed_at.unwrap_or(message.created_at);
                if now - since >= PATIENCE {
                    Standing::GivenUp { at: now }
                } else {
                    let pause = pause(id, message.tries, after);
                    Standing::Waiting {
                        not_before: later(now, pause),
                    }
                }
            }
        };
        matches!(message.standing, Standing::GivenUp { .. })
    }

    /// What has changed since the last call, as it is now; what is over is forgotten here, and stays in the store.
    pub fn changes(&mut self) -> Vec<Message> {
        let ids = std::mem::take(&mut self.changed);
        let changed = ids.iter().filter_map(|id| self.live.get(id).cloned());
        let changed: Vec<Message> = changed.collect();
        self.live.retain(|_, message| message.is_live());
        changed
    }

    /// What is to be delivered.
    pub fn undelivered(&self) -> impl Iterator<Item = &Message> {
        let undelivered = |message: &&Message| message.standing.is_undelivered();
        self.live.values().filter(undelivered)
    }
}

/// The pause after a try: growing, between half of it and all of it by the id, and never shorter than the receiver asks.
fn pause(id: &MessageId, tries: u32, asked: Option<Duration>) -> chrono::TimeDelta {
    let (first, longest) = PAUSES;
    let factor = 2u32.saturating_pow(tries.saturating_sub(1).min(16));
    let pause = first.saturating_mul(factor).min(longest);
    let digest = Sha256::digest(format!("{id}/{tries}"));
    let share = f64::from(digest[0]) / 255.0;
    let pause = pause.mul_f64(0.5 + share / 2.0);
    let pause = pause.max(asked.unwrap_or_default().min(longest));
    chrono::TimeDelta::from_std(pause).unwrap_or(PATIENCE)
}

fn later(at: Instant, by: chrono::TimeDelta) -> Instant {
    at.checked_add_signed(by).unwrap_or(Instant::MAX_UTC)
}
