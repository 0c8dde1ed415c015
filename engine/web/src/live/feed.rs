//! The one reader: it hears from the engine which runs changed, reads their journals once, and tells everybody.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noctule_core::name::RunId;
use noctule_runtime::Changed;
use noctule_store::Store;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::history::{History, Listening, Position, Told};
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
        self.stop();
    }
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            history: History::new(),
            reader: Mutex::default(),
        }
    }

    /// Begins to tell what an engine changes, instead of another one.
    pub(crate) fn start(self: &Arc<Self>, store: Store, changed: Changed) {
        self.stop();
        // The feed ends with whoever holds it, not with its own reader.
        let feed = Arc::downgrade(self);
        let reader = tokio::spawn(async move {
            let mut changed = changed;
            let mut journals = Journals::new(store);
            let mut behind = BTreeSet::new();
            while let Ok(runs) = changed.next().await {
                behind.extend(runs);
                while !behind.is_empty() {
                    let Some(feed) = feed.upgrade() else { return };
                    behind = feed.read(&mut journals, behind).await;
                    if !behind.is_empty() {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                tokio::time::sleep(GATHER).await;
            }
        });
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(reader.abort_handle());
    }

    fn stop(&self) {
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = place.take() {
            reader.abort();
        }
    }

    /// Reads what changed; gives back what could not be read now.
    async fn read(&self, journals: &mut Journals, runs: BTreeSet<RunId>) -> BTreeSet<RunId> {
        let mut failed = BTreeSet::new();
        for run in runs {
            if let Err(error) = journals.catch_up(&run, &self.history).await {
                tracing::warn!(%run, %error, "a journal could not be read for live events; it is read again");
                failed.insert(run);
            }
        }
        failed
    }

    pub(crate) fn listen_after(&self, after: Option<&Position>) -> Listening {
        self.history.listen(after)
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Told>> {
        self.history.subscribe()
    }
}
