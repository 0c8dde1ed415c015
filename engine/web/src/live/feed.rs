//! The one reader: it hears from the engine what changed, reads that once, and tells everybody.
//!
//! What cannot be read keeps nobody waiting: it is tried again beside what is new, and where it stays so everybody is told
//! that something is missing.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use noctule_runtime::{Changed, Changes};
use noctule_store::Store;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::backfills::Backfills;
use super::behind::{Behind, Failed, Subject, subjects};
use super::history::{Heard, History};
use super::journal::Journals;
use super::told::{Lost, Position};

/// Changes that come in a burst are read together.
const GATHER: Duration = Duration::from_millis(10);

/// How long all others may wait for one.
const PATIENCE: Duration = Duration::from_secs(5);

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
    behind: Behind,
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
            behind: Behind::default(),
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

    /// Reads what changed, and tells it.
    async fn read(&self, reading: &mut Reading, changes: Changes) {
        for (subject, after) in subjects(changes) {
            if !reading.behind.waits(&subject, after) {
                reading.catch_up(subject, after, &self.history).await;
            }
        }
        // Once for all of a burst: each listener wakes once.
        self.history.ring();
    }

    /// Tries again what could not be read and is due.
    async fn try_again(&self, reading: &mut Reading) {
        for (subject, after) in reading.behind.due(Instant::now()) {
            reading.catch_up(subject, after, &self.history).await;
        }
        self.history.ring();
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

impl Reading {
    async fn catch_up(&mut self, subject: Subject, after: u64, history: &History) {
        let told = async {
            match &subject {
                Subject::Run(run) => self.journals.catch_up(run, after, history).await,
                Subject::Backfill(backfill) => self.backfills.catch_up(backfill, history).await,
            }
        };
        let error = match timeout(PATIENCE, told).await {
            Ok(Ok(())) => return self.behind.was_read(&subject),
            Ok(Err(error)) => error.to_string(),
            // Others wait; what was told of it until now is told.
            Err(_) => "the store gave no answer in time".to_owned(),
        };
        let failed = self.behind.failed(subject.clone(), after, Instant::now());
        if failed != Failed::Known {
            tracing::warn!(?subject, %error, "this cannot be read for live events; it is tried again");
        }
        if failed == Failed::Gap {
            history.miss(self.lost(subject));
        }
    }

    /// What is missing, as it is told.
    fn lost(&self, subject: Subject) -> Lost {
        match subject {
            Subject::Run(run) => Lost {
                dag: self.journals.dag(&run).cloned(),
                run: Some(run),
            },
            Subject::Backfill(_) => Lost::default(),
        }
    }
}

async fn follow(feed: Weak<Feed>, mut reading: Reading, mut changed: Changed) {
    loop {
        let next = reading.behind.next();
        // What is new and what is to be tried again: neither waits for the other.
        let changes = tokio::select! {
            changes = changed.next() => match changes {
                Ok(changes) => Some(changes),
                Err(_) => return,
            },
            () = at(next) => None,
        };
        let Some(feed) = feed.upgrade() else { return };
        match changes {
            Some(changes) => feed.read(&mut reading, changes).await,
            None => feed.try_again(&mut reading).await,
        }
        drop(feed);
        tokio::time::sleep(GATHER).await;
    }
}

async fn at(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}
