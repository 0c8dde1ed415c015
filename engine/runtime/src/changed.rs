//! What others may see of an engine: which runs and backfills were changed durably since somebody last looked, and its
//! surroundings.
//!
//! Guarantees: what changed is told at least once after its commit; what nobody has fetched yet is a set of names, so a slow
//! listener costs no more than the runs and backfills that there are. While nobody listens nothing is kept.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::name::{BackfillId, RunId};
use tokio::sync::watch;

use crate::error::RuntimeError;
use crate::meters::Meters;
use crate::surroundings::Surroundings;

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
    /// Runs with new entries in their journals.
    pub runs: BTreeSet<RunId>,
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
        self.runs.extend(other.runs);
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

    pub(crate) fn tell<'a>(
        &self,
        runs: impl Iterator<Item = &'a RunId>,
        backfills: impl Iterator<Item = &'a BackfillId>,
    ) {
        if self.bell.receiver_count() == 0 {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.runs.extend(runs.cloned());
        pending.backfills.extend(backfills.cloned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changed_is_told_once_together_and_before_the_end() {
        let teller = Teller::new(Surroundings::nothing());
        let (a, b): (RunId, RunId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let backfill: BackfillId = "f".parse().unwrap();
        let none = || std::iter::empty::<&BackfillId>();
        teller.tell([&a].into_iter(), none());
        let mut changed = teller.listener();
        teller.tell([&b].into_iter(), none());
        teller.tell([&a, &b].into_iter(), none());
        teller.tell(std::iter::empty(), [&backfill].into_iter());
        let told = changed.next().await.unwrap();
        assert_eq!(told.runs, BTreeSet::from([a.clone(), b.clone()]));
        assert_eq!(told.backfills, BTreeSet::from([backfill.clone()]));
        teller.tell(std::iter::empty(), [&backfill].into_iter());
        teller.tell([&a].into_iter(), none());
        drop(teller);
        let last = changed.next().await.unwrap();
        assert_eq!((last.runs.len(), last.backfills.len()), (1, 1));
        assert!(changed.next().await.is_err());
    }
}
