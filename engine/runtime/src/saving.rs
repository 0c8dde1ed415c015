//! The one way to the store: everything decided since the last commit becomes one commit; only what is durable is performed.
//! What belongs together is durable together or not at all; what was not written stays in the batch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use noctule_core::ask::{Answer, Refusal};
use noctule_core::name::RunId;
use noctule_core::run::{Step, TaskRunIx};
use noctule_store::{StoreError, Write, Written};

use crate::batch::{Batch, Given, Of};
use crate::engine::{Ailing, Engine};
use crate::error::RuntimeError;
use crate::inheriting::Inherited;
use crate::narrating::narrate;

/// A commit that left nothing is tried again after pauses that grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

impl Engine {
    /// Commits the batch, and performs what the committed states ask for.
    pub(crate) async fn save(&mut self) -> Result<(), RuntimeError> {
        self.gather_messages(None);
        self.write_again();
        self.forget_what_is_gone();
        let groups = self.groups();
        let answers = self
            .batch
            .replies
            .iter()
            .any(|given| self.is_durable(given));
        let awaited = answers || !self.batch.awaiting.is_empty();
        if groups.is_empty() && !awaited && !self.settles() {
            self.tend_all(BTreeSet::new());
            self.send_messages();
            return Ok(());
        }
        let begun = tokio::time::Instant::now();
        let order: Vec<(usize, &Of, Write<'_>)> = self.writes(&groups);
        let writes: Vec<Vec<Write<'_>>> = by_group(&order);
        let writes: Vec<&[Write<'_>]> = writes.iter().map(Vec::as_slice).collect();
        match self.store.commit_groups(&self.lease, &writes).await {
            Ok(written) => {
                let order = order.iter().map(|(_, of, _)| (*of).clone());
                let written: Vec<(Of, Written)> = order.zip(written).collect();
                self.shown.meters().committed(begun.elapsed());
                self.saved(written).await
            }
            Err(error) if error.is_passing() => {
                self.ail(&error);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The writes of groups, in order: of which group, and of what.
    fn writes<'a>(&'a self, groups: &'a [Vec<Of>]) -> Vec<(usize, &'a Of, Write<'a>)> {
        let mut writes = Vec::new();
        for (group, members) in groups.iter().enumerate() {
            for of in members {
                let writes_of = self.writes_of(of);
                writes.extend(writes_of.into_iter().map(|write| (group, of, write)));
            }
        }
        writes
    }

    fn writes_of(&self, of: &Of) -> Vec<Write<'_>> {
        let batch = &self.batch;
        let write = match of {
            Of::Version(hash) => {
                let version = batch.versions.get(hash);
                version.map(|version| Write::Pin { version })
            }
            Of::Dag(dag) => self.catalog.record(dag).map(|record| Write::Dag { record }),
            Of::Withdrawn(dag) => {
                let record = batch.withdrawn.get(dag);
                record.map(|record| Write::Dag { record })
            }
            Of::Dropped(dag) => {
                let dropped = batch.dropped.get(dag).into_iter().flatten();
                return dropped.map(|dropped| Write::Dropped { dropped }).collect();
            }
            Of::Backfill(id) => {
                let kept = batch.backfills.get(id);
                kept.map(|(backfill, nights)| Write::Backfill { backfill, nights })
            }
            Of::Message(id) => {
                let message = batch.messages.get(id);
                message.map(|message| Write::Message { message })
            }
            Of::Run(id) => self.write_of_run(id),
            Of::Answer(ask) => {
                let given = batch.answers.iter().find(|given| given.to == *ask);
                given.map(|given| Write::Answer {
                    ask: *ask,
                    answer: &given.answer,
                })
            }
        };
        write.into_iter().collect()
    }

    fn write_of_run(&self, id: &RunId) -> Option<Write<'_>> {
        let (run, step) = (&self.live.get(id)?.run, self.batch.steps.get(id)?);
        Some(match self.batch.births.get(id) {
            Some(key) => Write::Create {
                run,
                step,
                idempotency_key: key.as_deref(),
            },
            None => Write::Step { run, step },
        })
    }

    async fn saved(&mut self, written: Vec<(Of, Written)>) -> Result<(), RuntimeError> {
        self.ailing = None;
        let (mut done, mut existing, mut refused) = (BTreeSet::new(), Vec::new(), Vec::new());
        for (of, written) in written {
            match written {
                Written::Done => {
                    done.insert(of);
                }
                Written::Existing(there) => {
                    done.insert(of.clone());
                    existing.push((of, there));
                }
                Written::Failed(error) => refused.push((of, error)),
                // It stays in the batch.
                Written::HeldBack => {}
            }
        }
        let durable = self.batch.take(&done);
        self.tell_changes(&durable).await;
        for version in durable.versions.keys() {
            self.catalog.stored(version.clone());
        }
        let there: BTreeSet<&Of> = existing.iter().map(|(of, _)| of).collect();
        for id in durable.steps.keys() {
            if !there.contains(&Of::Run(id.clone())) {
                self.note(id, &durable.steps);
            }
            let live = self
                .live
                .get(id)
                .filter(|_| durable.births.contains_key(id));
            live.iter()
                .for_each(|live| self.unborn.is_born(&live.run.facts));
        }
        for (of, there) in existing {
            if let Of::Run(run) = of {
                self.leave(&run);
                self.night_is_left(&run, Some(there), "it has got a run meanwhile");
            }
        }
        for (of, error) in refused {
            self.refuse(of, &error).await?;
        }
        self.wrote_all();
        self.hold_words_back();
        if self.settles() {
            self.batch.inherited = Inherited::default();
            self.settle().await;
        }
        self.perform(&durable);
        Ok(())
    }

    /// Whether every live run has been told, durably, how the store was left.
    fn settles(&self) -> bool {
        self.batch.inherited.unsettled && self.batch.steps.is_empty()
    }

    /// What the durable states ask for.
    fn perform(&mut self, durable: &Batch) {
        let steps = durable.steps.iter();
        let touched = steps.flat_map(|(id, step)| step.touched.iter().map(|ix| (id.clone(), *ix)));
        self.tend_all(touched.collect());
        self.send_messages();
        // What happened since its commit is durable with the next one.
        let over = |id: &&RunId| self.is_over(id) && !self.batch.steps.contains_key(id);
        let over: Vec<RunId> = durable.steps.keys().filter(over).cloned().collect();
        over.iter().for_each(|id| self.leave(id));
        let replies = std::mem::take(&mut self.batch.replies);
        for given in replies {
            if self.is_durable(&given) {
                // Whoever asked may have gone; what is answered is durable all the same.
                drop(given.to.send(given.answer));
            } else if !given.to.is_closed() {
                self.batch.replies.push(given);
            }
        }
        for written in std::mem::take(&mut self.batch.awaiting) {
            // Whoever waits may have gone.
            written.send(()).ok();
        }
        if !over.is_empty() {
            self.ended.send_modify(|count| *count += 1);
        }
    }

    /// Whether what an answer says was done is in the store.
    pub(crate) fn is_durable<To>(&self, given: &Given<To>) -> bool {
        given.of.as_ref().is_none_or(|of| !self.batch.has(of))
    }

    fn tend_all(&mut self, mut touched: BTreeSet<(RunId, TaskRunIx)>) {
        touched.append(&mut std::mem::take(&mut self.batch.untended));
        for (id, ix) in touched {
            if self.batch.steps.contains_key(&id) {
                // Its state is not durable: it is looked at again when it is.
                self.batch.untended.insert((id, ix));
            } else {
                self.tend(&id, ix);
            }
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
    pub(crate) async fn read_back(&mut self, id: &RunId) -> Result<(), RuntimeError> {
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
        for given in std::mem::take(&mut self.batch.replies) {
            let message =
                format!("the engine cannot write its store now, and keeps trying: {error}");
            drop(given.to.send(Answer::Refused {
                kind: Refusal::Unreachable,
                message,
            }));
        }
    }
}

fn by_group<'a>(order: &[(usize, &Of, Write<'a>)]) -> Vec<Vec<Write<'a>>> {
    let groups = order.chunk_by(|one, next| one.0 == next.0);
    let writes =
        |group: &[(usize, &Of, Write<'a>)]| group.iter().map(|(.., write)| *write).collect();
    groups.map(writes).collect()
}
