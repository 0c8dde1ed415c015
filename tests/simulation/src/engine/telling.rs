//! Word of what happened: it is written with what it is about, and sent once its sending is durable.
//!
//! As in the runtime: a kill loses no message; one may arrive twice, under the same id. Receivers may be away.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_core::dag::Dag;
use noctule_core::name::RunId;
use noctule_core::run::{Instant, Record};
use noctule_core::scheduling::Dropped;
use noctule_core::word::{
    Message, MessageId, Outbox, Standing, Told, Undelivered, not_started, notices,
};

use super::Engine;
use crate::agenda::Happening;
use crate::bugs::Wrong;
use crate::clock::SECOND;
use crate::outside::Outside;
use crate::store::Store;

/// How long messages are gathered.
const GATHER: Duration = Duration::from_secs(5);

/// What an engine has to tell, and what is on its way.
pub(super) struct Telling {
    pub(super) outbox: Outbox,
    under_way: BTreeSet<MessageId>,
}

impl Engine {
    /// A fresh engine takes up what is still to be told.
    pub(super) fn load_words(&mut self, out: &Outside, store: &Store) {
        let now = self.wall(out);
        let live = store.messages.values().filter(|message| message.is_live());
        let mut live: Vec<Message> = live.cloned().collect();
        if out.is(Wrong::WordsAreNotLoaded) {
            live.clear();
        }
        if out.is(Wrong::SendingIsTakenForSent) {
            for message in &mut live {
                if message.standing == Standing::Sending {
                    message.standing = Standing::Sent { at: now };
                    self.work
                        .batch
                        .messages
                        .insert(message.id.clone(), message.clone());
                }
            }
        }
        self.work.telling = Some(Telling {
            outbox: Outbox::of(out.desk.store.clone(), live, now),
            under_way: BTreeSet::new(),
        });
    }

    pub(super) fn tell_of(&mut self, id: &RunId, records: &[Record], now: Instant) {
        let Some(live) = self.work.live.get(id) else {
            return;
        };
        for told in notices(&live.dag, &live.run, records) {
            self.tell(&told, now);
        }
    }

    pub(super) fn tell_dropped(&mut self, out: &Outside, dag: &Dag, dropped: &Dropped) {
        let now = self.wall(out);
        if let Some(told) = not_started(dag, dropped, &out.desk.store, now) {
            self.tell(&told, now);
        }
    }

    fn tell(&mut self, told: &Told, now: Instant) {
        if let Some(telling) = &mut self.work.telling {
            telling.outbox.hear(told, |_| GATHER, now);
        }
    }

    /// Lets the outbox go on: what it begins to send is sent after the next commit.
    pub(super) fn turn_outbox(&mut self, out: &mut Outside, now: Instant) {
        let Some(telling) = &mut self.work.telling else {
            return;
        };
        telling.outbox.shed(now);
        if telling.outbox.next_due().is_some_and(|due| due <= now) {
            telling.outbox.turn(now);
        }
        let changed = telling.outbox.changes().into_iter();
        let changed = changed.map(|message| (message.id.clone(), message));
        self.work.batch.messages.extend(changed);
        if out.is(Wrong::WordIsSentBeforeItIsWritten) {
            self.send_messages(out);
        }
    }

    pub(super) fn next_word(&self) -> Option<Instant> {
        self.work.telling.as_ref()?.outbox.next_due()
    }

    /// Hands out what is to be sent, durably so.
    pub(super) fn send_messages(&mut self, out: &mut Outside) {
        let life = self.life;
        let Some(telling) = &mut self.work.telling else {
            return;
        };
        let begun: Vec<Message> = telling.outbox.sending().cloned().collect();
        for message in begun {
            if telling.under_way.insert(message.id.clone()) {
                let delay = out.latency();
                let message = Box::new(message);
                out.after(delay, Happening::Deliver { life, message });
            }
        }
    }

    /// A message is sent.
    pub(crate) fn deliver(&mut self, out: &mut Outside, message: &Message) {
        let trusts = self.trusts(out);
        let later = |error: &str| Undelivered::Later {
            error: error.to_owned(),
            after: None,
        };
        let how = if !trusts && !out.is(Wrong::NoRecheckBeforeCall) {
            Err(later("the engine has lost the store"))
        } else if out.strikes(out.mix.word_lost, "word not taken") {
            match out.chance.below(8) {
                0 => Err(Undelivered::Never {
                    error: "there is no such place".to_owned(),
                }),
                _ => Err(later("connection refused")),
            }
        } else {
            let by = self.sending();
            out.referee.word_arrives(&out.store, out.now, &by, message);
            if out.strikes(out.mix.word_lost, "word taken, and nobody heard so") {
                Err(later("no answer"))
            } else {
                Ok(())
            }
        };
        let how = match how {
            Err(Undelivered::Later { .. }) if out.is(Wrong::WordIsTakenForSent) => Ok(()),
            how => how,
        };
        let delay = out.latency();
        let (life, id) = (self.life, message.id.clone());
        let delay = delay + if how.is_err() { 2 * SECOND } else { 0 };
        out.after(delay, Happening::HearBack { life, id, how });
    }

    /// Hears what became of a sending.
    pub(crate) fn hear_back(
        &mut self,
        out: &mut Outside,
        id: &MessageId,
        how: Result<(), Undelivered>,
    ) {
        let now = self.wall(out);
        let Some(telling) = &mut self.work.telling else {
            return;
        };
        if telling.under_way.remove(id) {
            if self.work.committing.is_some() {
                // The loop hears nothing while it commits.
                telling.under_way.insert(id.clone());
                let (life, id) = (self.life, id.clone());
                return out.after(50, Happening::HearBack { life, id, how });
            }
            telling.outbox.sent(id, how, now);
            self.turn(out);
        }
    }
}
