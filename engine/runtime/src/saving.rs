//! The one way to the store: everything decided since the last commit becomes one commit; only what is durable is performed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use noctule_core::ask::Answer;
use noctule_core::backfill::{Backfill, Night, NightState};
use noctule_core::name::{BackfillId, DagId, RunId};
use noctule_core::run::{Step, TaskRunIx};
use noctule_core::word::{Message, MessageId};
use noctule_store::{AskId, DagRecord, DroppedTicks, PinnedVersion, StoreError, Write, Written};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::control::Command;
use crate::engine::{Ailing, Engine};
use crate::error::RuntimeError;
use crate::inheriting::Inherited;
use crate::narrating::narrate;
use crate::unwritten::Of;

/// A commit that left nothing is tried again after pauses that grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// What has been decided since the last commit.
#[derive(Default)]
pub(crate) struct Batch {
    /// Steps of live runs.
    pub(crate) steps: BTreeMap<RunId, Step>,
    /// Runs that the store does not have yet, with their idempotency keys.
    pub(crate) births: HashMap<RunId, Option<String>>,
    /// Versions that the store does not have yet.
    pub(crate) versions: Vec<PinnedVersion>,
    /// DAGs whose record changed.
    pub(crate) dags: BTreeSet<DagId>,
    /// DAGs whose file is gone.
    pub(crate) withdrawn: Vec<DagRecord>,
    /// Backfills that changed, and which of their nights.
    pub(crate) backfills: BTreeMap<BackfillId, (Backfill, Vec<(u32, Night)>)>,
    /// Ticks that get no run.
    pub(crate) dropped: Vec<DroppedTicks>,
    /// What is to be told, as it stands now.
    pub(crate) messages: BTreeMap<MessageId, Message>,
    /// Answers to asks of the inbox.
    pub(crate) answers: Vec<(AskId, Answer)>,
    /// Answers to asks of this process, given once the commit is durable.
    pub(crate) replies: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// Who waits until all this is durable.
    pub(crate) settling: Vec<oneshot::Sender<()>>,
    /// Task runs whose activity is to be looked at although nothing changed.
    pub(crate) untended: BTreeSet<(RunId, TaskRunIx)>,
    /// How the store was left, which the steps of this batch tell every live run.
    pub(crate) inherited: Inherited,
    /// The inbox of the loop, until it runs.
    pub(crate) commands: Option<UnboundedReceiver<Command>>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
            && self.births.is_empty()
            && self.versions.is_empty()
            && self.dags.is_empty()
            && self.withdrawn.is_empty()
            && self.dropped.is_empty()
            && self.backfills.is_empty()
            && self.messages.is_empty()
            && self.answers.is_empty()
            && self.replies.is_empty()
            && self.settling.is_empty()
    }

    /// Whether it has the beginning of a backfill's night by this run.
    pub(crate) fn begins_night(&self, run: &RunId) -> bool {
        let mut nights = self.backfills.values().flat_map(|(_, nights)| nights);
        nights.any(|(_, night)| {
            matches!(&night.state, NightState::Running { run: begun, .. } if begun == run)
        })
    }
}

impl Engine {
    /// Commits the batch, and performs what the committed states ask for.
    pub(crate) async fn save(&mut self) -> Result<(), RuntimeError> {
        let changed = self.telling.outbox.changes().into_iter();
        let keyed = changed.map(|message| (message.id.clone(), message));
        self.batch.messages.extend(keyed);
        self.write_again();
        if self.batch.is_empty() && !self.batch.inherited.unsettled {
            self.tend_all(BTreeSet::new());
            self.send_messages();
            return Ok(());
        }
        let (writes, order) = self.writes();
        let begun = tokio::time::Instant::now();
        match self.store.commit(&self.lease, &writes).await {
            Ok(written) => {
                drop(writes);
                self.shown.meters().committed(begun.elapsed());
                self.saved(&order, written).await
            }
            Err(error) if error.is_passing() => {
                drop(writes);
                self.ail(&error);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The writes of the batch, and for each what it is of.
    fn writes(&self) -> (Vec<Write<'_>>, Vec<Of>) {
        let batch = &self.batch;
        let mut writes = Vec::new();
        let mut order = Vec::new();
        let mut add = |of, write| {
            order.push(of);
            writes.push(write);
        };
        for (at, version) in batch.versions.iter().enumerate() {
            add(Of::Version(at), Write::Pin { version });
        }
        for id in &batch.dags {
            if let Some(record) = self.catalog.record(id) {
                add(Of::Dag(id.clone()), Write::Dag { record });
            }
        }
        for (at, record) in batch.withdrawn.iter().enumerate() {
            add(Of::Withdrawn(at), Write::Dag { record });
        }
        for (at, dropped) in batch.dropped.iter().enumerate() {
            add(Of::Dropped(at), Write::Dropped { dropped });
        }
        for (id, (backfill, nights)) in &batch.backfills {
            add(
                Of::Backfill(id.clone()),
                Write::Backfill { backfill, nights },
            );
        }
        for (id, message) in &batch.messages {
            add(Of::Message(id.clone()), Write::Message { message });
        }
        for (id, step) in &batch.steps {
            let Some(live) = self.live.get(id) else {
                continue;
            };
            let run = &live.run;
            let write = match batch.births.get(id) {
                Some(key) => Write::Create {
                    run,
                    step,
                    idempotency_key: key.as_deref(),
                },
                None => Write::Step { run, step },
            };
            add(Of::Run(id.clone()), write);
        }
        for (ask, answer) in &batch.answers {
            add(Of::Answer(*ask), Write::Answer { ask: *ask, answer });
        }
        (writes, order)
    }

    async fn saved(&mut self, order: &[Of], written: Vec<Written>) -> Result<(), RuntimeError> {
        self.ailing = None;
        self.shown
            .tell(self.batch.steps.keys(), self.batch.backfills.keys());
        let mut batch = std::mem::take(&mut self.batch);
        for version in &batch.versions {
            self.catalog.stored(version.hash.clone());
        }
        let mut touched = std::mem::take(&mut batch.untended);
        for (id, step) in &batch.steps {
            touched.extend(step.touched.iter().map(|ix| (id.clone(), *ix)));
        }
        for (of, written) in order.iter().zip(written) {
            let Of::Run(run) = of else {
                if let Written::Failed(error) = written {
                    self.refuse(&batch, of, &error);
                }
                continue;
            };
            match written {
                Written::Done => self.note(run, &batch.steps),
                Written::Existing(there) => {
                    self.leave(run);
                    self.night_is_left(run, Some(there), "it has got a run meanwhile");
                }
                Written::Failed(error) => {
                    if batch.begins_night(run) {
                        let there = (!batch.births.contains_key(run)).then(|| run.clone());
                        self.night_is_left(run, there, &error.to_string());
                    }
                    self.read_back(run, &error).await?;
                }
            }
        }
        self.wrote_all();
        if batch.inherited.unsettled {
            self.settle().await;
        }
        self.tend_all(touched);
        self.send_messages();
        let over: Vec<RunId> = batch
            .steps
            .keys()
            .filter(|id| self.is_over(id))
            .cloned()
            .collect();
        over.iter().for_each(|id| self.leave(id));
        for (reply, answer) in batch.replies {
            // Whoever asked may have gone; the answer is durable all the same.
            drop(reply.send(answer));
        }
        for durable in batch.settling {
            // Whoever waits may have gone.
            durable.send(()).ok();
        }
        if !over.is_empty() {
            self.ended.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    fn tend_all(&mut self, mut touched: BTreeSet<(RunId, TaskRunIx)>) {
        touched.append(&mut std::mem::take(&mut self.batch.untended));
        for (id, ix) in touched {
            self.tend(&id, ix);
        }
    }

    /// What a durable step says of a run is counted, told in log lines, and offered as spans.
    fn note(&self, id: &RunId, steps: &BTreeMap<RunId, Step>) {
        if let (Some(live), Some(step)) = (self.live.get(id), steps.get(id)) {
            self.shown.meters().step(&live.dag, &live.run, step);
            narrate(&live.dag, &live.run, step);
        }
        self.offer_spans(id, steps);
    }

    fn is_over(&self, id: &RunId) -> bool {
        self.live.get(id).is_some_and(|live| live.run.is_over())
    }

    /// One run's write was refused while the others went through: its state in memory is not the store's.
    async fn read_back(&mut self, id: &RunId, error: &StoreError) -> Result<(), RuntimeError> {
        tracing::error!(run = %id, %error, "failed to write a step; the run is read back from the store");
        self.let_all_go(id);
        self.leave(id);
        match self.store.run(id).await? {
            Some(run) if !run.is_over() => self.adopt_run(run).await,
            _ => Ok(()),
        }
    }

    fn ail(&mut self, error: &StoreError) {
        self.shown.meters().refused();
        let failures = self.ailing.as_ref().map_or(0, |ailing| ailing.failures) + 1;
        let (first, longest) = PAUSES;
        let pause = first
            .saturating_mul(2u32.saturating_pow(failures.min(16) - 1))
            .min(longest);
        tracing::error!(%error, failures, "failed to write the store; nothing is launched until it can be written");
        self.ailing = Some(Ailing {
            until: tokio::time::Instant::now() + pause,
            failures,
        });
        for (reply, _) in std::mem::take(&mut self.batch.replies) {
            let message =
                format!("the engine cannot write its store now, and keeps trying: {error}");
            drop(reply.send(Answer::Refused {
                kind: noctule_core::ask::Refusal::Unreachable,
                message,
            }));
        }
    }
}
