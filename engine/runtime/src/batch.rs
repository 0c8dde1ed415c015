//! What an engine has decided and the store does not have yet.
//!
//! Guarantees: each thing stands here once, as it is to be written now, until the store has it; nothing of it is forgotten
//! while the engine lives. Its parts are known by names that stay, so that some of it can be written and the rest remain.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use noctule_core::ask::Answer;
use noctule_core::backfill::{Backfill, Night, NightState};
use noctule_core::name::{BackfillId, DagHash, DagId, RunId};
use noctule_core::run::{Step, TaskRunIx};
use noctule_core::word::{Message, MessageId};
use noctule_store::{AskId, DagRecord, DroppedTicks, PinnedVersion};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::control::Command;
use crate::inheriting::Inherited;

/// What a write is of, in the order in which writes that belong together are made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Version(DagHash),
    Dag(DagId),
    Withdrawn(DagId),
    Dropped(DagId),
    Backfill(BackfillId),
    Message(MessageId),
    Run(RunId),
    Answer(AskId),
}

impl Of {
    /// The word in metrics.
    pub(crate) fn kind(&self) -> &'static str {
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

/// An answer to an ask, and what it says was done.
#[derive(Debug)]
pub(crate) struct Given<To> {
    pub(crate) to: To,
    pub(crate) answer: Answer,
    pub(crate) of: Option<Of>,
}

/// What has been decided since it was last written.
#[derive(Default)]
pub(crate) struct Batch {
    /// Steps of live runs.
    pub(crate) steps: BTreeMap<RunId, Step>,
    /// Runs that the store does not have yet, with their idempotency keys.
    pub(crate) births: HashMap<RunId, Option<String>>,
    /// Versions that the store does not have yet.
    pub(crate) versions: BTreeMap<DagHash, PinnedVersion>,
    /// DAGs whose record changed.
    pub(crate) dags: BTreeSet<DagId>,
    /// DAGs whose file is gone.
    pub(crate) withdrawn: BTreeMap<DagId, DagRecord>,
    /// Backfills that changed, and which of their nights.
    pub(crate) backfills: BTreeMap<BackfillId, (Backfill, Vec<(u32, Night)>)>,
    /// Ticks that get no run.
    pub(crate) dropped: BTreeMap<DagId, Vec<DroppedTicks>>,
    /// What is to be told, as it stands now.
    pub(crate) messages: BTreeMap<MessageId, Message>,
    /// What a message tells of.
    pub(crate) told: BTreeSet<(MessageId, Of)>,
    /// Answers to asks of the inbox.
    pub(crate) answers: Vec<Given<AskId>>,
    /// Answers to asks of this process, given once what they say is durable.
    pub(crate) replies: Vec<Given<oneshot::Sender<Answer>>>,
    /// Who waits until all this is durable, as far as the store takes it.
    pub(crate) awaiting: Vec<oneshot::Sender<()>>,
    /// Task runs whose activity is to be looked at although nothing changed.
    pub(crate) untended: BTreeSet<(RunId, TaskRunIx)>,
    /// How the store was left, which the steps of this batch tell every live run.
    pub(crate) inherited: Inherited,
    /// The inbox of the loop, until it runs.
    pub(crate) commands: Option<UnboundedReceiver<Command>>,
}

impl Batch {
    /// Whether it has the beginning of a backfill's night by this run.
    pub(crate) fn begins_night(&self, run: &RunId) -> bool {
        let mut nights = self.backfills.values().flat_map(|(_, nights)| nights);
        nights.any(|(_, night)| {
            matches!(&night.state, NightState::Running { run: begun, .. } if begun == run)
        })
    }

    /// What changed in a backfill; what is newer counts.
    pub(crate) fn keep_backfill(&mut self, head: Backfill, nights: Vec<(u32, Night)>) {
        let kept = self.backfills.entry(head.id.clone());
        let kept = kept.or_insert_with(|| (head.clone(), Vec::new()));
        kept.0 = head;
        let newer: BTreeSet<u32> = nights.iter().map(|(ix, _)| *ix).collect();
        kept.1.retain(|(ix, _)| !newer.contains(ix));
        kept.1.extend(nights);
    }

    /// Everything that is to be written.
    pub(crate) fn all(&self) -> BTreeSet<Of> {
        let answers = self.answers.iter().map(|given| Of::Answer(given.to));
        let versions = self.versions.keys().cloned().map(Of::Version);
        versions
            .chain(self.dags.iter().cloned().map(Of::Dag))
            .chain(self.withdrawn.keys().cloned().map(Of::Withdrawn))
            .chain(self.dropped.keys().cloned().map(Of::Dropped))
            .chain(self.backfills.keys().cloned().map(Of::Backfill))
            .chain(self.messages.keys().cloned().map(Of::Message))
            .chain(self.steps.keys().cloned().map(Of::Run))
            .chain(answers)
            .collect()
    }

    /// Whether something is still to be written.
    pub(crate) fn has(&self, of: &Of) -> bool {
        match of {
            Of::Version(hash) => self.versions.contains_key(hash),
            Of::Dag(dag) => self.dags.contains(dag),
            Of::Withdrawn(dag) => self.withdrawn.contains_key(dag),
            Of::Dropped(dag) => self.dropped.contains_key(dag),
            Of::Backfill(id) => self.backfills.contains_key(id),
            Of::Message(id) => self.messages.contains_key(id),
            Of::Run(id) => self.steps.contains_key(id),
            Of::Answer(ask) => self.answers.iter().any(|given| given.to == *ask),
        }
    }

    /// Takes out what the store has now.
    pub(crate) fn take(&mut self, done: &BTreeSet<Of>) -> Self {
        let mut taken = Self::default();
        for of in done {
            match of {
                Of::Version(hash) => taken.versions.extend(self.versions.remove_entry(hash)),
                Of::Dag(dag) => taken.dags.extend(self.dags.take(dag)),
                Of::Withdrawn(dag) => taken.withdrawn.extend(self.withdrawn.remove_entry(dag)),
                Of::Dropped(dag) => taken.dropped.extend(self.dropped.remove_entry(dag)),
                Of::Backfill(id) => taken.backfills.extend(self.backfills.remove_entry(id)),
                Of::Message(id) => taken.messages.extend(self.messages.remove_entry(id)),
                Of::Run(id) => {
                    taken.steps.extend(self.steps.remove_entry(id));
                    taken.births.extend(self.births.remove_entry(id));
                }
                Of::Answer(_) => {}
            }
        }
        let answers = &mut self.answers;
        answers.retain(|given| !done.contains(&Of::Answer(given.to)));
        let messages = &self.messages;
        self.told.retain(|(told, _)| messages.contains_key(told));
        taken
    }
}
