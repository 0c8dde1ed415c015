//! The one reader: it hears from the engine what changed, reads that once, and tells everybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noctule_runtime::{Changed, Changes};
use noctule_store::Store;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::backfills::Backfills;
use super::history::{Heard, History, Position};
use super::journal::Journals;

/// Changes that come in a burst are read together.
const GATHER: Duration = Duration::from_millis(10);
/// The pause after the store could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// What happens, for everybody.
pub(crate) struct Feed {
    history: History,
    reader: Mutex<Option<AbortHandle>>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.abort();
    }
}

/// What is read of a store.
struct Reading {
    journals: Journals,
    backfills: Backfills,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            history: History::new(),
            reader: Mutex::default(),
        }
    }

    /// Begins to tell what an engine changes. Whoever listened before hears that there is a gap: what another engine did
    /// meanwhile is told by nobody.
    pub(crate) fn start(self: &Arc<Self>, store: Store, changed: Changed) {
        self.abort();
        let reading = Reading {
            journals: Journals::new(store.clone()),
            backfills: Backfills::new(store),
        };
        self.history.begin();
        // The feed ends with whoever holds it, not with its own reader.
        let reader = tokio::spawn(follow(Arc::downgrade(self), reading, changed));
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(reader.abort_handle());
    }

    /// The engine of this server has lost the store: nothing more is told.
    pub(crate) fn stop(&self) {
        self.abort();
        self.history.end();
    }

    fn abort(&self) {
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = place.take() {
            reader.abort();
        }
    }

    /// Reads what changed, and tells it; gives back what could not be read now.
    async fn read(&self, reading: &mut Reading, changes: Changes) -> Changes {
        let mut failed = Changes::default();
        for (run, after) in changes.runs {
            let told = reading.journals.catch_up(&run, after, &self.history).await;
            if let Err(error) = told {
                tracing::warn!(%run, %error, "a journal could not be read for live events; it is read again");
                failed.runs.insert(run, after);
            }
        }
        for backfill in changes.backfills {
            let told = reading.backfills.catch_up(&backfill, &self.history).await;
            if let Err(error) = told {
                tracing::warn!(%backfill, %error, "a backfill could not be read for live events; it is read again");
                failed.backfills.insert(backfill);
            }
        }
        // Once for all of a burst: each listener wakes once.
        self.history.ring();
        failed
    }

    #[cfg(test)]
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// The place of now. None: this server has no engine that it could tell of.
    pub(crate) fn now(&self) -> Option<Position> {
        self.history.now()
    }

    /// What came after a place.
    pub(crate) fn after(&self, place: &Position) -> Heard {
        self.history.after(place)
    }

    /// What rings when there may be news.
    pub(crate) fn bell(&self) -> watch::Receiver<()> {
        self.history.bell()
    }
}

async fn follow(feed: std::sync::Weak<Feed>, mut reading: Reading, mut changed: Changed) {
    let mut behind = Changes::default();
    while let Ok(changes) = changed.next().await {
        behind.extend(changes);
        while !behind.is_empty() {
            let Some(feed) = feed.upgrade() else { return };
            behind = feed.read(&mut reading, behind).await;
            if !behind.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        tokio::time::sleep(GATHER).await;
    }
}
