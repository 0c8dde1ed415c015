//! What others may see of an engine: which runs and backfills were changed durably since somebody last looked, and its
//! surroundings.
//!
//! Guarantees: what changed is told at least once after its commit; what nobody has fetched yet is a set of names, so a slow
//! listener costs no more than the runs and backfills that there are. While nobody listens nothing is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noctule_core::name::{BackfillId, RunId};
use tokio::sync::watch;

use crate::batch::Batch;
use crate::engine::Engine;
use crate::error::RuntimeError;
use crate::meters::Meters;
use crate::surroundings::Surroundings;

/// How long what was committed may wait for a look at how far its journals go.
const PATIENCE: Duration = Duration::from_millis(500);

/// The side of the engine.
pub(crate) struct Teller {
    pending: Arc<Mutex<Changes>>,
    bell: watch::Sender<()>,
    surroundings: watch::Sender<Surroundings>,
    meters: Arc<Meters>,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Runs with new entries in their journals: what stands in a journal after this number was written since somebody
    /// listens, and since it was last fetched.
    pub runs: BTreeMap<RunId, u64>,
    /// Backfills that stand otherwise, or may.
    pub backfills: BTreeSet<BackfillId>,
}

/// Hears of changes. One listener for an engine: whoever fetches a change has it alone.
pub struct Changed {
    pending: Arc<Mutex<Changes>>,
    bell: watch::Receiver<()>,
}

impl Changes {
    /// Nothing did.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.backfills.is_empty()
    }

    /// Takes in what changed besides.
    pub fn extend(&mut self, other: Self) {
        for (run, after) in other.runs {
            let first = self.runs.entry(run).or_insert(after);
            *first = after.min(*first);
        }
        self.backfills.extend(other.backfills);
    }
}

impl Teller {
    pub(crate) fn new(surroundings: Surroundings) -> Arc<Self> {
        Arc::new(Self {
            pending: Arc::default(),
            bell: watch::Sender::new(()),
            surroundings: watch::Sender::new(surroundings),
            meters: Arc::default(),
        })
    }

    pub(crate) fn show(&self, surroundings: &Surroundings) {
        self.surroundings.send_replace(surroundings.clone());
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        self.surroundings.borrow().clone()
    }

    pub(crate) fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.bell.receiver_count() > 0
    }

    pub(crate) fn tell(&self, changes: Changes) {
        if !self.is_heard() {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(changes);
        let rings = !pending.is_empty();
        drop(pending);
        if rings {
            self.bell.send_replace(());
        }
    }

    pub(crate) fn listener(&self) -> Changed {
        Changed {
            pending: Arc::clone(&self.pending),
            bell: self.bell.subscribe(),
        }
    }
}

impl Changed {
    /// Waits for changes.
    ///
    /// # Errors
    /// The engine has ended, and all that it changed was told.
    pub async fn next(&mut self) -> Result<Changes, RuntimeError> {
        loop {
            let ended = self.bell.changed().await.is_err();
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let changes = std::mem::take(&mut *pending);
            drop(pending);
            if !changes.is_empty() {
                return Ok(changes);
            }
            if ended {
                return Err(RuntimeError::Ended);
            }
        }
    }
}

impl Engine {
    /// Tells what a commit has changed, and from where on in each journal.
    pub(crate) async fn tell_changes(&mut self, durable: &Batch) {
        if !self.shown.is_heard() {
            for id in durable.steps.keys() {
                if let Some(live) = self.live.get_mut(id) {
                    // Nobody counts along.
                    live.entries = None;
                }
            }
            return;
        }
        let unknown = durable.steps.keys().filter(|id| {
            let known = self.live.get(*id).and_then(|live| live.entries);
            known.is_none() && !durable.births.contains_key(*id)
        });
        let unknown: Vec<RunId> = unknown.cloned().collect();
        let counted = self.count_entries(&unknown).await;
        let mut changes = Changes::default();
        for (id, step) in &durable.steps {
            let new = u64::try_from(step.records.len()).unwrap_or(u64::MAX);
            let Some(live) = self.live.get_mut(id) else {
                continue;
            };
            let before = match (live.entries, counted.get(id)) {
                (Some(entries), _) => entries,
                // Nobody else writes: the last ones are those of this commit.
                (None, Some(entries)) => entries.saturating_sub(new),
                (None, None) if durable.births.contains_key(id) => 0,
                (None, None) => {
                    changes.runs.insert(id.clone(), 0);
                    continue;
                }
            };
            live.entries = Some(before + new);
            changes.runs.insert(id.clone(), before);
        }
        changes.backfills.extend(durable.backfills.keys().cloned());
        self.shown.tell(changes);
    }

    async fn count_entries(&self, runs: &[RunId]) -> HashMap<RunId, u64> {
        if runs.is_empty() {
            return HashMap::new();
        }
        let counted = tokio::time::timeout(PATIENCE, self.store.last_records(runs)).await;
        match counted {
            Ok(Ok(counted)) => counted.into_iter().collect(),
            // Work waits for no listener: they hear these journals from the beginning, and miss nothing.
            Ok(Err(error)) => {
                tracing::warn!(%error, "how far journals go cannot be read for live events");
                HashMap::new()
            }
            Err(_) => {
                tracing::warn!("how far journals go cannot be read in time for live events");
                HashMap::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changed_is_told_once_together_and_before_the_end() {
        let teller = Teller::new(Surroundings::nothing());
        let (a, b): (RunId, RunId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let backfill: BackfillId = "f".parse().unwrap();
        let runs = |runs: &[(&RunId, u64)]| Changes {
            runs: runs.iter().map(|(id, at)| ((*id).clone(), *at)).collect(),
            backfills: BTreeSet::new(),
        };
        let of_backfill = || Changes {
            backfills: BTreeSet::from([backfill.clone()]),
            ..Changes::default()
        };
        teller.tell(runs(&[(&a, 0)]));
        let mut changed = teller.listener();
        teller.tell(runs(&[(&b, 7)]));
        teller.tell(runs(&[(&a, 3), (&b, 9)]));
        teller.tell(of_backfill());
        let told = changed.next().await.unwrap();
        // From the first that was not fetched, since somebody listens.
        assert_eq!(told.runs, [(a.clone(), 3), (b.clone(), 7)].into());
        assert_eq!(told.backfills, BTreeSet::from([backfill.clone()]));
        teller.tell(of_backfill());
        teller.tell(runs(&[(&a, 4)]));
        drop(teller);
        let last = changed.next().await.unwrap();
        assert_eq!((last.runs.len(), last.backfills.len()), (1, 1));
        assert!(changed.next().await.is_err());
    }
}
