//! The right to write: an epoch that only grows, and for how long its holder may still trust in it.
//!
//! A lock keeps other engines out, or an expiry by the database's clock; the epoch, checked by every commit, fences a writer
//! that lost the lease without noticing. Nothing that starts work is done under a lease that is not trusted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::error::StoreError;
use crate::owner::Owner;
use crate::postgres::Tenure;
use crate::sqlite::Lock;
use crate::store::{Store, either};

/// Between two tries of a database that cannot be reached.
const AGAIN: Duration = Duration::from_millis(500);

/// The right to write, until it is released, lost, or the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Held>);

#[derive(Debug)]
struct Held {
    epoch: i64,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    /// Trusted while the lock is held.
    Lock {
        lock: Mutex<Option<Lock>>,
        released: Notify,
    },
    /// Trusted while it is renewed in time.
    Tenure(Box<Tenure>),
}

impl Lease {
    pub(crate) fn of_lock(epoch: i64, lock: Lock) -> Self {
        let hold = Hold::Lock {
            lock: Mutex::new(Some(lock)),
            released: Notify::new(),
        };
        Self(Arc::new(Held { epoch, hold }))
    }

    pub(crate) fn of_tenure(epoch: i64, tenure: Tenure) -> Self {
        let hold = Hold::Tenure(Box::new(tenure));
        Self(Arc::new(Held { epoch, hold }))
    }

    pub(crate) fn tenure(&self) -> Option<&Tenure> {
        match &self.0.hold {
            Hold::Lock { .. } => None,
            Hold::Tenure(tenure) => Some(tenure),
        }
    }

    /// The epoch; grows with each acquisition.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// Whether the right to write is surely still here. Once it is not, it never is again.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        match &self.0.hold {
            Hold::Lock { lock, .. } => held(lock).is_some(),
            Hold::Tenure(tenure) => tenure.is_trusted(),
        }
    }

    /// Waits until the lease cannot be trusted any more.
    pub async fn lost(&self) {
        match &self.0.hold {
            Hold::Lock { lock, released } => loop {
                let told = released.notified();
                if held(lock).is_none() {
                    return;
                }
                told.await;
            },
            Hold::Tenure(tenure) => tenure.lost().await,
        }
    }

    /// Gives the right to write back, so that whoever waits for it has it at once. Every clone has lost it then.
    ///
    /// # Errors
    /// The database could not be told; the lease expires then by itself.
    pub async fn release(&self) -> Result<(), StoreError> {
        match &self.0.hold {
            Hold::Lock { lock, released } => {
                drop(held(lock).take());
                released.notify_waiters();
                Ok(())
            }
            Hold::Tenure(tenure) => tenure.release().await,
        }
    }
}

fn held(lock: &Mutex<Option<Lock>>) -> std::sync::MutexGuard<'_, Option<Lock>> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Who holds the right to write now; looking disturbs nobody.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn holder(&self) -> Result<Option<Owner>, StoreError> {
        either!(self, backend => Box::pin(backend.holder()).await)
    }

    /// Takes the right to write. Whoever waits for it comes first, or the one that gave it over could take it right back.
    ///
    /// # Errors
    /// Another engine has it, or waits for it: `HeldBy`. The store is damaged or cannot be written.
    pub async fn acquire(&self, owner: &Owner) -> Result<Lease, StoreError> {
        self.is_here().await?;
        either!(self, backend => Box::pin(backend.acquire(owner)).await)
    }

    /// Asks the holder to give the store over, and takes it as soon as it is free.
    ///
    /// # Errors
    /// It was not free in time: `HeldBy`. The store is damaged or cannot be written.
    pub async fn acquire_when_free(
        &self,
        owner: &Owner,
        patience: Duration,
    ) -> Result<Lease, StoreError> {
        self.is_here().await?;
        either!(self, backend => backend.acquire_when_free(owner, Some(patience)).await)
    }

    /// The same without an end: a database that cannot be reached meanwhile is asked again.
    ///
    /// # Errors
    /// The store is damaged or cannot be written.
    pub async fn stand_by(&self, owner: &Owner) -> Result<Lease, StoreError> {
        loop {
            match self.take_if_here(owner).await {
                Err(error) if error.is_passing() => tokio::time::sleep(AGAIN).await,
                taken => return taken,
            }
        }
    }

    async fn take_if_here(&self, owner: &Owner) -> Result<Lease, StoreError> {
        self.is_here().await?;
        let lease =
            either!(self, backend => Box::pin(backend.acquire_when_free(owner, None)).await)?;
        // It may have been moved while this engine stood by.
        self.is_here().await?;
        Ok(lease)
    }

    async fn is_here(&self) -> Result<(), StoreError> {
        match self.moved_to().await? {
            Some(to) => Err(StoreError::Moved {
                place: self.place(),
                to,
            }),
            None => Ok(()),
        }
    }

    /// Who waits for the store. It may be asked often; nothing tells when the answer changes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn handover_asked(&self) -> Result<Option<Owner>, StoreError> {
        either!(self, backend => Box::pin(backend.handover_asked()).await)
    }
}
