//! Writes that the store refused and that belong to no run: words, backfills, records of DAGs, answers.
//!
//! Guarantees: none is forgotten while the engine lives. Each is counted and logged, and written again with a later commit,
//! ever later while it is refused; what has changed meanwhile is written as it is then. A message is not sent before it is
//! written. The other writes of a commit do not wait for one that is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_core::ask::Answer;
use noctule_core::backfill::Night;
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::word::MessageId;
use noctule_store::{AskId, DagRecord, StoreError};

use crate::engine::Engine;
use crate::saving::Batch;

/// The pauses grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How often what is refused is written again before an engine that drains ends without it.
const LAST_TRIES: u32 = 3;

/// What a write of a batch is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Of {
    Run(RunId),
    Version(usize),
    Dag(DagId),
    Withdrawn(usize),
    Dropped(usize),
    Backfill(BackfillId),
    Message(MessageId),
    Answer(AskId),
}

impl Of {
    fn kind(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Version(_) => "version",
            Self::Dag(_) | Self::Withdrawn(_) => "dag",
            Self::Dropped(_) => "dropped_ticks",
            Self::Backfill(_) => "backfill",
            Self::Message(_) => "message",
            Self::Answer(_) => "answer",
        }
    }
}

/// What is to be written again.
#[derive(Default)]
pub(crate) struct Unwritten {
    again: Batch,
    due: Option<tokio::time::Instant>,
    failures: u32,
    last_tries: u32,
}

impl Unwritten {
    /// Whether an engine that drains has nothing to wait for here: all is written, or was refused time and again.
    pub(crate) fn is_over(&self) -> bool {
        self.is_empty() || self.last_tries > LAST_TRIES
    }

    /// Whether there is nothing to write again.
    pub(crate) fn is_empty(&self) -> bool {
        self.again.is_empty()
    }

    /// Answers that were given and are not in the store yet.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &(AskId, Answer)> {
        self.again.answers.iter()
    }
}

impl Engine {
    /// A write was refused while others of its commit were made.
    pub(crate) fn refuse(&mut self, batch: &Batch, of: &Of, error: &StoreError) {
        let kind = of.kind();
        tracing::error!(?of, %error, "the store refused a write; it is tried again");
        self.shown.meters().refused_write(kind);
        let pause = self.unwritten.pause();
        let again = &mut self.unwritten.again;
        match of {
            Of::Run(_) => {}
            Of::Version(at) => again.versions.extend(batch.versions.get(*at).cloned()),
            Of::Dag(dag) => {
                again.dags.insert(dag.clone());
            }
            Of::Withdrawn(at) => again.withdrawn.extend(batch.withdrawn.get(*at).cloned()),
            Of::Dropped(at) => again.dropped.extend(batch.dropped.get(*at).cloned()),
            Of::Backfill(id) => {
                if let Some(kept) = batch.backfills.get(id) {
                    again.backfills.insert(id.clone(), kept.clone());
                }
            }
            Of::Message(id) => {
                let until = self.options.clock.now() + pause;
                // What is being brought is on record as sent already; only what became of it is still to be heard.
                let now = if self.telling.is_under_way(id) {
                    self.telling.outbox.stands(id)
                } else {
                    self.telling.outbox.unwritten(id, until)
                };
                let stood = now.or_else(|| batch.messages.get(id).cloned());
                again
                    .messages
                    .extend(stood.map(|message| (id.clone(), message)));
            }
            Of::Answer(id) => {
                let mut answers = batch.answers.iter();
                let answer = answers.find(|(answered, _)| answered == id);
                again.answers.extend(answer.cloned());
            }
        }
        if self.unwritten.due.is_none() {
            self.unwritten.due = Some(tokio::time::Instant::now() + pause);
        }
    }

    /// Puts what was refused into the next commit, when its time has come; what that writes anyhow, at once.
    pub(crate) fn write_again(&mut self) {
        self.catch_up();
        let now = tokio::time::Instant::now();
        if self.draining && !self.unwritten.is_empty() {
            self.unwritten.last_tries += 1;
        } else if self.unwritten.due.is_none_or(|due| due > now) {
            return;
        }
        self.unwritten.due = None;
        self.unwritten.failures += 1;
        let again = std::mem::take(&mut self.unwritten.again);
        // A file that has come back is not gone.
        let gone = |record: &DagRecord| self.catalog.get(&record.dag).is_none();
        let withdrawn = again.withdrawn.into_iter().filter(gone);
        let batch = &mut self.batch;
        batch.withdrawn.extend(withdrawn);
        batch.versions.extend(again.versions);
        batch.dags.extend(again.dags);
        batch.dropped.extend(again.dropped);
        batch.messages.extend(again.messages);
        batch.backfills.extend(again.backfills);
        batch.answers.extend(again.answers);
    }

    /// What is newer counts, and nothing older is written after it.
    fn catch_up(&mut self) {
        let (again, batch) = (&mut self.unwritten.again, &mut self.batch);
        again
            .messages
            .retain(|id, _| !batch.messages.contains_key(id));
        for (id, newer) in &mut batch.backfills {
            if let Some(older) = again.backfills.remove(id) {
                let mut nights: BTreeMap<u32, Night> = older.1.into_iter().collect();
                nights.extend(std::mem::take(&mut newer.1));
                newer.1 = nights.into_iter().collect();
            }
        }
        let answered = |id: &AskId| batch.answers.iter().any(|(answered, _)| answered == id);
        again.answers.retain(|(id, _)| !answered(id));
    }

    /// Everything that a commit was to write is written.
    pub(crate) fn wrote_all(&mut self) {
        if self.unwritten.is_empty() {
            self.unwritten.failures = 0;
        }
    }
}

impl Unwritten {
    fn pause(&self) -> Duration {
        let (first, longest) = PAUSES;
        let factor = 2u32.saturating_pow(self.failures.min(16));
        first.saturating_mul(factor).min(longest)
    }
}
