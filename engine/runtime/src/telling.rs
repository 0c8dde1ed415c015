//! Word of what happened: what steps give to tell goes into the outbox, which is written by the commit of those steps; what
//! is due is handed to a courier once its sending is durable.
//!
//! Guarantees: a kill at any instant loses no message, since there is none that is not committed with what it is about. A
//! message may arrive twice, if the engine is killed between its arrival and the commit that says so; its id is the same
//! then. Whoever has lost the lease sends nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use noctule_core::name::RunId;
use noctule_core::run::{Record, Run};
use noctule_core::source::GATHER;
use noctule_core::word::{
    Message, MessageId, Occasion, Outbox, Told, Undelivered, late_at, lateness, notices,
};
use noctule_executor::async_trait;
use noctule_store::StoreError;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::batch::Of;
use crate::engine::Engine;
use crate::error::RuntimeError;

/// Whoever brings messages to their receivers.
#[async_trait]
pub trait Courier: Send + Sync {
    /// How long the messages of a receiver are gathered; none: there is no such receiver.
    fn gather(&self, receiver: &str) -> Option<Duration>;

    /// Whether a run may call back at this address.
    ///
    /// # Errors
    /// Why not.
    fn takes_callback(&self, url: &str) -> Result<(), String>;

    /// Brings a message. It ends within a bounded time.
    ///
    /// # Errors
    /// It was not taken, or nobody can tell.
    async fn deliver(
        &self,
        message: &Message,
        next_tick: Option<DateTime<Utc>>,
    ) -> Result<(), Undelivered>;

    /// How often somebody outside is to hear that the engine works.
    fn heartbeat(&self) -> Option<Duration>;

    /// Tells somebody outside that the engine works.
    async fn beat(&self);
}

/// What became of a sending.
pub(crate) type Back = Result<(Id, Result<(), Undelivered>), JoinError>;

/// What an engine has to tell, and what is on its way.
pub(crate) struct Telling {
    pub(crate) outbox: Outbox,
    /// When live runs are late.
    late: BTreeSet<(DateTime<Utc>, RunId)>,
    pub(crate) under_way: JoinSet<Result<(), Undelivered>>,
    sendings: HashMap<Id, MessageId>,
    beat: Option<(tokio::time::Instant, AbortHandle)>,
}

impl Telling {
    pub(crate) fn of(outbox: Outbox) -> Self {
        Self {
            outbox,
            late: BTreeSet::new(),
            under_way: JoinSet::new(),
            sendings: HashMap::new(),
            beat: None,
        }
    }

    /// Whether a message is being brought now.
    pub(crate) fn is_under_way(&self, id: &MessageId) -> bool {
        self.sendings.values().any(|sending| sending == id)
    }
}

impl Engine {
    /// Hears what the records of a step give to tell: it is written with them.
    pub(crate) fn tell_of(&mut self, id: &RunId, records: &[Record]) {
        let Some(live) = self.live.get(id) else {
            return;
        };
        let told = notices(&live.dag, &live.run, records);
        self.tell_all(&told, &Of::Run(id.clone()));
    }

    /// Tells what follows from something else that is to be written.
    pub(crate) fn tell_all(&mut self, told: &[Told], of: &Of) {
        if !told.is_empty() {
            self.gather_messages(None);
            told.iter().for_each(|told| self.tell(told));
            self.gather_messages(Some(of));
        }
    }

    /// Messages that changed are to be written, together with what they tell of.
    pub(crate) fn gather_messages(&mut self, of: Option<&Of>) {
        for message in self.telling.outbox.changes() {
            let told = of.map(|of| (message.id.clone(), of.clone()));
            self.batch.told.extend(told);
            self.batch.messages.insert(message.id.clone(), message);
        }
    }

    pub(crate) fn tell(&mut self, told: &Told) {
        let courier = self.surroundings.courier.clone();
        let gather = |receiver: &str| {
            let known = courier
                .as_ref()
                .and_then(|courier| courier.gather(receiver));
            known.unwrap_or(GATHER)
        };
        let now = self.options.clock.now();
        self.telling.outbox.hear(told, gather, now);
    }

    /// A run that came in may be late one day.
    pub(crate) fn expect_end(&mut self, id: &RunId) {
        let Some(live) = self.live.get(id) else {
            return;
        };
        let tells = |occasion| {
            let rule = live.dag.definition().notify.as_ref();
            rule.is_some_and(|rule| rule.tells(occasion))
        };
        if !tells(Occasion::Late) && !tells(Occasion::NeverStarted) {
            return;
        }
        if let Some(at) = late_at(&live.dag, &live.run)
            && !self.telling.outbox.knows(&subject(&live.run))
        {
            self.telling.late.insert((at, id.clone()));
        }
    }

    pub(crate) fn expect_no_end(&mut self, id: &RunId) {
        self.telling.late.retain(|(_, run)| run != id);
    }

    /// Says what is late, and lets the outbox go on; what it begins to send is sent after the next commit.
    pub(crate) fn turn_outbox(&mut self, now: DateTime<Utc>) {
        while let Some((at, id)) = self.telling.late.first().cloned() {
            if at > now {
                break;
            }
            self.telling.late.pop_first();
            let Some(live) = self.live.get(&id) else {
                continue;
            };
            if let Some(notice) = lateness(&live.dag, &live.run, at, now) {
                let rule = live.dag.definition().notify.clone();
                self.tell(&Told {
                    notice,
                    rule,
                    callback: None,
                });
            }
        }
        self.telling.outbox.shed(now);
        let due = self.telling.outbox.next_due().is_some_and(|due| due <= now);
        if due && !self.draining && self.surroundings.courier.is_some() {
            self.telling.outbox.turn(now);
        }
    }

    /// The next instant at which there is something to tell.
    pub(crate) fn next_word(&self) -> Option<DateTime<Utc>> {
        let late = self.telling.late.first().map(|(at, _)| *at);
        let sends = self.surroundings.courier.is_some() && !self.draining;
        let due = self.telling.outbox.next_due().filter(|_| sends);
        [late, due].into_iter().flatten().min()
    }

    /// Hands out what is to be sent, durably so.
    pub(crate) fn send_messages(&mut self) {
        let Some(courier) = self.surroundings.courier.clone() else {
            return;
        };
        // The next engine sends what this one leaves.
        if self.draining || self.telling.outbox.sending().next().is_none() {
            return;
        }
        // The outbox says how many there are at once, and to whom.
        let under_way: HashSet<&MessageId> = self.telling.sendings.values().collect();
        let begun = self.telling.outbox.sending();
        let begun = begun.filter(|message| {
            // What is not durable is not sent.
            !under_way.contains(&message.id) && !self.batch.messages.contains_key(&message.id)
        });
        let begun: Vec<Message> = begun.cloned().collect();
        for message in begun {
            let id = message.id.clone();
            let tick = self.next_tick_of(&message);
            let courier = Arc::clone(&courier);
            let lease = self.lease.clone();
            let sending = async move {
                if !lease.is_trusted() {
                    // Whoever has the store now sends it.
                    return Err(Undelivered::Later {
                        error: "the engine has lost the store".to_owned(),
                        after: None,
                    });
                }
                courier.deliver(&message, tick).await
            };
            let task = self.telling.under_way.spawn(sending);
            self.telling.sendings.insert(task.id(), id);
        }
    }

    fn next_tick_of(&self, message: &Message) -> Option<DateTime<Utc>> {
        let mut ticks = self.ticks.iter();
        let next = ticks.find(|(_, dag)| *dag == message.first.dag);
        next.map(|(at, _)| *at)
    }

    /// Hears what became of a sending.
    pub(crate) fn hear_back(&mut self, back: Back) {
        let (task, how) = match back {
            Ok((task, how)) => (task, how),
            Err(error) => {
                let error_text = format!("the sending failed: {error}");
                let later = Undelivered::Later {
                    error: error_text,
                    after: None,
                };
                (error.id(), Err(later))
            }
        };
        let Some(id) = self.telling.sendings.remove(&task) else {
            return;
        };
        match &how {
            Ok(()) => tracing::info!(message = %id, "a message was delivered"),
            Err(Undelivered::Later { error, .. }) => {
                tracing::warn!(message = %id, %error, "a message was not delivered; it is sent again later");
            }
            Err(Undelivered::Never { error }) => {
                tracing::error!(message = %id, %error, "a message was refused for good");
            }
        }
        let outcome = if how.is_ok() { "delivered" } else { "failed" };
        let now = self.options.clock.now();
        let given_up = self.telling.outbox.sent(&id, how, now);
        let meters = self.shown.meters();
        meters.sent(if given_up { "given_up" } else { outcome });
    }

    /// Tells somebody outside that the engine works: after a commit that shows that it does, and at no other time.
    pub(crate) async fn beat(&mut self) -> Result<(), RuntimeError> {
        let Some(courier) = self.surroundings.courier.clone() else {
            return Ok(());
        };
        let Some(every) = courier.heartbeat().filter(|_| self.ailing.is_none()) else {
            return Ok(());
        };
        let rests = |(at, task): &(tokio::time::Instant, AbortHandle)| {
            at.elapsed() < every || !task.is_finished()
        };
        if self.telling.beat.as_ref().is_some_and(rests) {
            return Ok(());
        }
        match self.store.commit(&self.lease, &[]).await {
            Ok(_) => {
                let task = tokio::spawn(async move { courier.beat().await }).abort_handle();
                self.telling.beat = Some((tokio::time::Instant::now(), task));
                Ok(())
            }
            Err(error) if error.is_passing() => Ok(()),
            Err(error) => Err(StoreError::into(error)),
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if let Some((_, beat)) = &self.beat {
            beat.abort();
        }
    }
}

/// The late run, as an outbox names it.
fn subject(run: &Run) -> String {
    format!("{}@{}", run.facts.dag, run.facts.id)
}
