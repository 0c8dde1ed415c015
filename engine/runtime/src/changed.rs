//! What others may see of an engine: which runs were changed durably since somebody last looked, and its surroundings.
//!
//! Guarantees: a run that changed is told at least once after its commit; what nobody has fetched yet is a set of runs, so
//! a slow listener costs no more than the runs that there are. While nobody listens nothing is kept.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use noctule_core::name::RunId;
use tokio::sync::watch;

use crate::error::RuntimeError;
use crate::meters::Meters;
use crate::surroundings::Surroundings;

/// The side of the engine.
pub(crate) struct Teller {
    pending: Arc<Mutex<BTreeSet<RunId>>>,
    bell: watch::Sender<()>,
    surroundings: watch::Sender<Surroundings>,
    meters: Arc<Meters>,
}

/// The runs that changed. One listener for an engine: whoever fetches a change has it alone.
pub struct Changed {
    pending: Arc<Mutex<BTreeSet<RunId>>>,
    bell: watch::Receiver<()>,
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

    pub(crate) fn tell<'a>(&self, runs: impl Iterator<Item = &'a RunId>) {
        if self.bell.receiver_count() == 0 {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(runs.cloned());
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
    pub async fn next(&mut self) -> Result<BTreeSet<RunId>, RuntimeError> {
        loop {
            let ended = self.bell.changed().await.is_err();
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let runs = std::mem::take(&mut *pending);
            drop(pending);
            if !runs.is_empty() {
                return Ok(runs);
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
        teller.tell([&a].into_iter());
        let mut changed = teller.listener();
        teller.tell([&b].into_iter());
        teller.tell([&a, &b].into_iter());
        assert_eq!(
            changed.next().await.unwrap(),
            BTreeSet::from([a.clone(), b.clone()])
        );
        teller.tell([&a].into_iter());
        drop(teller);
        assert_eq!(changed.next().await.unwrap(), BTreeSet::from([a]));
        assert!(changed.next().await.is_err());
    }
}
