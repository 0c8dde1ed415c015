//! The one write path: everything that an engine decided, in one transaction, under the epoch of its lease.
//!
//! Rows are the truth, records are history. What is acknowledged is durable; a commit that fails leaves nothing. One write
//! that breaks a rule of the schema does not take the others down: then each group of writes that belong together is made
//! under its own savepoint, and is written whole or not at all.

use noctule_core::ask::Answer;
use noctule_core::backfill::{Backfill, Night};
use noctule_core::name::RunId;
use noctule_core::run::{Run, Step};
use noctule_core::word::Message;

use crate::asks::AskId;
use crate::document::{DagRecord, DroppedTicks, PinnedVersion};
use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

/// One thing to write.
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// A new run.
    Create {
        /// How it stands.
        run: &'a Run,
        /// What its journal says so far.
        step: &'a Step,
        /// The same key never makes a second run of the DAG.
        idempotency_key: Option<&'a str>,
    },
    /// What changed in a run.
    Step {
        /// How it stands now.
        run: &'a Run,
        /// What changed.
        step: &'a Step,
    },
    /// An answer to an ask.
    Answer {
        /// Which.
        ask: AskId,
        /// What.
        answer: &'a Answer,
    },
    /// A version that runs will be pinned to.
    Pin {
        /// Which.
        version: &'a PinnedVersion,
    },
    /// What is known of a DAG.
    Dag {
        /// What.
        record: &'a DagRecord,
    },
    /// What changed in a backfill.
    Backfill {
        /// How it stands now.
        backfill: &'a Backfill,
        /// The nights that changed, with their places.
        nights: &'a [(u32, Night)],
    },
    /// What is to be told to somebody, as it stands now.
    Message {
        /// Which.
        message: &'a Message,
    },
    /// Ticks that got no run.
    Dropped {
        /// Which.
        dropped: &'a DroppedTicks,
    },
}

/// What became of a write.
#[derive(Debug)]
pub enum Written {
    /// It is durable.
    Done,
    /// The run exists already, for the same tick or the same idempotency key; nothing was written.
    Existing(RunId),
    /// It broke a rule; nothing of it was written, while the other writes are durable.
    Failed(StoreError),
    /// It belongs to one that broke a rule: nothing of it was written, and nothing is wrong with it that is known.
    HeldBack,
}

/// What became of a group in which one write broke a rule.
pub(crate) fn of_refused(size: usize, culprit: usize, error: StoreError) -> Vec<Written> {
    let mut written: Vec<Written> = (0..size).map(|_| Written::HeldBack).collect();
    if let Some(place) = written.get_mut(culprit) {
        *place = Written::Failed(error);
    }
    written
}

impl Store {
    /// Makes writes durable, all in one transaction, each for itself. The answers are in the order of the writes.
    ///
    /// # Errors
    /// The lease is past (`Fenced`, `LeaseLost`), or nothing could be written.
    pub async fn commit(
        &self,
        lease: &Lease,
        writes: &[Write<'_>],
    ) -> Result<Vec<Written>, StoreError> {
        let each: Vec<&[Write<'_>]> = writes.chunks(1).collect();
        self.commit_groups(lease, &each).await
    }

    /// Makes groups of writes durable, all in one transaction. Where one write of a group breaks a rule nothing of its
    /// group is written: the first that does has `Failed`, the others of the group are `HeldBack`. A run that exists
    /// already breaks no rule. The answers are in the order of the writes.
    ///
    /// # Errors
    /// The lease is past (`Fenced`, `LeaseLost`), or nothing could be written.
    pub async fn commit_groups(
        &self,
        lease: &Lease,
        groups: &[&[Write<'_>]],
    ) -> Result<Vec<Written>, StoreError> {
        either!(self, backend => Box::pin(backend.commit(lease, groups)).await)
    }
}
