//! Word of what happened: every thing that a rule asks for is told, with the commit that makes it so; nothing is sent that is
//! not counted; what is on record as sent has arrived.

use std::collections::BTreeMap;

use noctule_core::dag::Dag;
use noctule_core::run::{Fact, Record, RunEnding};
use noctule_core::scheduling::{DropReason, Dropped};
use noctule_core::word::{Message, MessageId, Occasion, Standing};

use super::{Referee, Sending};
use crate::store::Store;

/// What it remembers for them.
#[derive(Default)]
pub(crate) struct Words {
    /// How often each message has arrived.
    arrived: BTreeMap<MessageId, u32>,
    /// How many things a receiver is to be told, by the word of their occasion.
    due: BTreeMap<(String, &'static str), u64>,
    /// How many successes it may be told besides, as recoveries.
    may_recover: BTreeMap<String, u64>,
}

impl Words {
    pub(crate) fn arrivals(&self) -> u64 {
        self.arrived.values().map(|count| u64::from(*count)).sum()
    }

    fn expect(&mut self, dag: &Dag, occasion: Occasion) {
        let Some(rule) = &dag.definition().notify else {
            return;
        };
        for receiver in &rule.to {
            if rule.tells(occasion) {
                let place = (receiver.clone(), class(occasion));
                *self.due.entry(place).or_default() += 1;
            } else if occasion == Occasion::Succeeded && rule.tells(Occasion::Recovered) {
                *self.may_recover.entry(receiver.clone()).or_default() += 1;
            }
        }
    }
}

/// What is told as one kind of thing: a recovery is a success that is told with more joy.
fn class(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Succeeded | Occasion::Recovered => "well",
        Occasion::Failed | Occasion::TimedOut => "failed",
        Occasion::Cancelled => "cancelled",
        Occasion::Late | Occasion::NeverStarted => "never_started",
    }
}

impl Referee {
    /// What becomes durable of a run, and is to be told.
    pub(crate) fn expect_words(&mut self, dag: &Dag, records: &[Record]) {
        for record in records {
            let Fact::RunEnded { ending } = &record.fact else {
                continue;
            };
            self.words.expect(
                dag,
                match ending {
                    RunEnding::Succeeded => Occasion::Succeeded,
                    RunEnding::Failed => Occasion::Failed,
                    RunEnding::Cancelled => Occasion::Cancelled,
                    RunEnding::TimedOut => Occasion::TimedOut,
                },
            );
        }
    }

    /// Ticks that get no run.
    pub(crate) fn dropped(&mut self, dag: &Dag, dropped: &Dropped) {
        if dropped.reason != DropReason::Paused {
            self.words.expect(dag, Occasion::NeverStarted);
        }
    }

    /// After every commit: what is to be told is on record, each thing once, and one message gathers for one cause.
    pub(crate) fn words(&mut self, store: &Store) {
        let mut told: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
        let mut gathering: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for message in store.messages.values() {
            let Some(receiver) = message.receiver() else {
                continue;
            };
            if message.standing == Standing::Kept {
                continue;
            }
            if matches!(message.standing, Standing::Gathering { .. }) {
                let cause = message.cause.0.as_str();
                *gathering.entry((receiver, cause)).or_default() += 1;
            }
            let place = (receiver.to_owned(), class(message.first.occasion));
            *told.entry(place).or_default() += message.count;
        }
        if let Some(((receiver, cause), count)) = gathering.iter().find(|(_, count)| **count > 1) {
            let what = format!("{count} messages gather for {receiver}: {cause}");
            self.say(what);
        }
        for place in told
            .keys()
            .chain(self.words.due.keys())
            .cloned()
            .collect::<Vec<_>>()
        {
            let due = self.words.due.get(&place).copied().unwrap_or(0);
            let told = told.get(&place).copied().unwrap_or(0);
            let more = self.words.may_recover.get(&place.0).copied().unwrap_or(0);
            let most = due + if place.1 == "well" { more } else { 0 };
            if told < due || told > most {
                let (receiver, word) = place;
                self.say(format!("{receiver} is told {told} of {due} things: {word}"));
            }
        }
    }

    /// A message reaches its receiver.
    pub(crate) fn word_arrives(
        &mut self,
        store: &Store,
        now: i64,
        by: &Sending,
        message: &Message,
    ) {
        let id = &message.id;
        if !by.holds(store, now) {
            self.say(format!("engine {} sends {id} without the lease", by.engine));
        }
        let counted = store
            .messages
            .get(id)
            .is_some_and(|kept| kept.standing == Standing::Sending && kept.tries == message.tries);
        if !counted {
            self.say(format!("{id} is sent, and not on record as being sent"));
        }
        let arrived = self.words.arrived.entry(id.clone()).or_default();
        *arrived += 1;
        if *arrived > message.tries {
            let what = format!("{id} arrives {arrived} times in {} tries", message.tries);
            self.say(what);
        }
    }

    /// In the end nothing that is due waits, and what is on record as sent has arrived.
    pub(crate) fn words_have_arrived(&mut self, store: &Store) {
        for (id, message) in &store.messages {
            let sent = matches!(message.standing, Standing::Sent { .. });
            if sent && !self.words.arrived.contains_key(id) {
                self.say(format!("{id} is on record as sent, and never arrived"));
            }
        }
    }
}
