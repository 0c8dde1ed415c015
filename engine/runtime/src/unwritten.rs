//! Writes that the store refused while others of their commit were made.
//!
//! | refused was | what becomes of it |
//! |---|---|
//! | the step or the birth of a run | the run is read back; whoever asked for it hears why; its night is left alone, its tick is made again later |
//! | anything else | it stays, and is written again with a later commit, ever later while it is refused |
//!
//! Guarantees: what belongs to a refused write is not written without it; only a refused message waits alone, for the work
//! does not wait for its word. None of it is forgotten while the engine lives,
//! and each refusal is counted and logged; what has changed meanwhile is written as it is then. A message is not sent before
//! it is written, nor is anything done for a run whose state is not. Other writes do not wait for one that is refused.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_core::ask::Refusal;
use noctule_core::backfill::{NightState, Work};
use noctule_core::name::{BackfillId, RunId};
use noctule_core::word::MessageId;
use noctule_store::StoreError;

use crate::asking::refused;
use crate::batch::Of;
use crate::binding::{Known, groups};
use crate::engine::Engine;
use crate::error::RuntimeError;

/// The pauses grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How often what is refused is written again before an engine that drains ends without it.
const LAST_TRIES: u32 = 3;

/// What of the batch is to be written again, later.
#[derive(Default)]
pub(crate) struct Unwritten {
    waits: BTreeSet<Of>,
    due: Option<tokio::time::Instant>,
    failures: u32,
    last_tries: u32,
}

impl Unwritten {
    /// Whether an engine that drains has nothing to wait for here: all is written, or was refused time and again.
    pub(crate) fn is_over(&self) -> bool {
        self.waits.is_empty() || self.last_tries > LAST_TRIES
    }

    /// What waits to be written again, by the words in metrics.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.waits.iter().map(Of::kind)
    }

    fn pause(&self) -> Duration {
        let (first, longest) = PAUSES;
        let factor = 2u32.saturating_pow(self.failures.min(16));
        first.saturating_mul(factor).min(longest)
    }
}

impl Engine {
    /// What of the batch is to be written now, as groups that are durable whole or not at all.
    pub(crate) fn groups(&self) -> Vec<Vec<Of>> {
        let facts = |run: &RunId| self.live.get(run).map(|live| &live.run.facts);
        let known = Known {
            version: &|run| facts(run).map(|facts| facts.version.clone()),
            ticks: &|run| {
                let facts = facts(run)?;
                facts.trigger.tick().map(|_| facts.dag.clone())
            },
            current: &|dag| self.catalog.record(dag)?.version.clone(),
        };
        groups(&self.batch, &known, &self.unwritten.waits)
    }

    /// A write was refused; what belongs to it was not written either, and is in the batch still.
    pub(crate) async fn refuse(&mut self, of: Of, error: &StoreError) -> Result<(), RuntimeError> {
        tracing::error!(?of, %error, "the store refused a write");
        self.shown.meters().refused_write(of.kind());
        match &of {
            Of::Run(run) => return self.refuse_run(run, error).await,
            Of::Message(id) => self.refuse_message(id),
            _ => {}
        }
        let pause = self.unwritten.pause();
        self.unwritten.waits.insert(of);
        if self.unwritten.due.is_none() {
            self.unwritten.due = Some(tokio::time::Instant::now() + pause);
        }
        Ok(())
    }

    /// A word that waits with something else keeps no place in the line of its receiver.
    pub(crate) fn hold_words_back(&mut self) {
        let waits = self.batch.messages.keys().cloned();
        let waits: Vec<MessageId> = waits.filter(|id| !self.telling.is_under_way(id)).collect();
        waits.iter().for_each(|id| self.refuse_message(id));
    }

    fn refuse_message(&mut self, id: &MessageId) {
        let pause = self.unwritten.pause();
        let until = self.options.clock.now() + pause;
        // What is being brought is on record as sent already; only what became of it is still to be heard.
        let stands = if self.telling.is_under_way(id) {
            self.telling.outbox.stands(id)
        } else {
            self.telling.outbox.unwritten(id, until)
        };
        let stands = stands.map(|message| (id.clone(), message));
        self.batch.messages.extend(stands);
    }

    /// Its state in memory is not the store's, and what it was for is not done.
    async fn refuse_run(&mut self, run: &RunId, error: &StoreError) -> Result<(), RuntimeError> {
        let of = Of::Run(run.clone());
        let taken = self.batch.take(&BTreeSet::from([of.clone()]));
        let born = taken.births.contains_key(run);
        self.batch.told.retain(|(_, told)| *told != of);
        self.take_answers_back(&of, error);
        self.take_nights_back(run, born, error).await?;
        let facts = self.live.get(run).map(|live| live.run.facts.clone());
        self.read_back(run).await?;
        if let Some(facts) = facts.filter(|_| born) {
            self.tick_is_refused(&facts, error);
        }
        Ok(())
    }

    fn take_answers_back(&mut self, of: &Of, error: &StoreError) {
        let why = format!("nothing was done, since the store refused to write it: {error}");
        let answers = self.batch.answers.iter_mut();
        let answers = answers.map(|given| (&mut given.answer, &mut given.of));
        let replies = self.batch.replies.iter_mut();
        let replies = replies.map(|given| (&mut given.answer, &mut given.of));
        for (answer, what) in answers.chain(replies) {
            if what.as_ref() == Some(of) {
                *answer = refused(Refusal::Unreachable, why.clone());
                *what = None;
            }
        }
    }

    /// The nights that its run was to begin are left alone; those that it was to end go on.
    async fn take_nights_back(
        &mut self,
        run: &RunId,
        born: bool,
        error: &StoreError,
    ) -> Result<(), RuntimeError> {
        let mut changed: Vec<(BackfillId, u32)> = Vec::new();
        for (id, (_, nights)) in &self.batch.backfills {
            let of_run = nights
                .iter()
                .filter(|(_, night)| night.state.run() == Some(run));
            changed.extend(of_run.map(|(ix, _)| (id.clone(), *ix)));
        }
        for (id, ix) in changed {
            let nights = self.store.nights(&id).await?;
            let stored = nights.get(ix as usize).map(|night| night.state.clone());
            let begun = |state: &NightState| matches!(state, NightState::Running { run: of, .. } if of == run);
            let Some(work) = self.backfills.iter_mut().find(|work| work.head().id == id) else {
                // It was over by this: it is not.
                self.batch.backfills.remove(&id);
                let head = self.store.backfill(&id).await?;
                let head = head.filter(|head| !head.is_over());
                self.backfills
                    .extend(head.map(|head| Work::stored(head, nights)));
                continue;
            };
            let left = NightState::LeftAlone {
                run: (!born).then(|| run.clone()),
                why: error.to_string(),
                at: self.options.clock.now(),
            };
            work.restate(ix, stored.filter(begun).unwrap_or(left));
        }
        Ok(())
    }

    /// Lets what was refused into the next commit, when its time has come.
    pub(crate) fn write_again(&mut self) {
        let now = tokio::time::Instant::now();
        if self.unwritten.waits.is_empty() {
            return;
        }
        if self.draining {
            self.unwritten.last_tries += 1;
        } else if self.unwritten.due.is_none_or(|due| due > now) {
            return;
        }
        self.unwritten.due = None;
        self.unwritten.failures += 1;
        self.unwritten.waits.clear();
    }

    /// What has nothing to be written any more is not waited for.
    pub(crate) fn forget_what_is_gone(&mut self) {
        let (batch, catalog) = (&mut self.batch, &self.catalog);
        batch.dags.retain(|dag| catalog.get(dag).is_some());
        // A file that has come back is not gone.
        batch.withdrawn.retain(|dag, _| catalog.get(dag).is_none());
        batch.steps.retain(|run, _| self.live.contains_key(run));
    }

    /// Everything that a commit was to write is written.
    pub(crate) fn wrote_all(&mut self) {
        if self.unwritten.waits.is_empty() {
            self.unwritten.failures = 0;
        }
    }
}
