//! The right to write: a row that expires by the database's clock, and an epoch that each acquisition raises.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use tokio::sync::{Mutex, MutexGuard};

use super::PostgresStore;
use super::asks::name;
use super::doubt::Desk;
use super::readers::{Patience, steadily};
use super::renewal::{self, Renewal, Taken};
use super::said::At;
use super::trust::Trust;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::owner::Owner;
use crate::rows::json;

/// How often an engine that waits for the store looks whether it is free.
const KNOCK: Duration = Duration::from_millis(250);
/// How long its place holds, in seconds. It is renewed when half of it is left.
const PLACE: f64 = 4.0;

const HOLDER: &str = "SELECT owner FROM noctule.lease WHERE expires_at > clock_timestamp()";
const WAITER: &str = "SELECT waiter FROM noctule.lease WHERE waiter_until > clock_timestamp()";
/// Looked at first, so that waiting writes little.
const LOOK: &str = "SELECT expires_at <= clock_timestamp(), waiter_token = $1, \
    waiter_until <= clock_timestamp() + make_interval(secs => \
        CASE WHEN waiter_token = $1 THEN $2::float8 / 2 ELSE 0 END) \
    FROM noctule.lease";
const WAIT: &str = "UPDATE noctule.lease SET waiter = $1, waiter_token = $2, \
        waiter_until = clock_timestamp() + make_interval(secs => $3::float8) \
    WHERE waiter_until <= clock_timestamp() OR waiter_token = $2";
const WAIT_NO_MORE: &str =
    "UPDATE noctule.lease SET waiter_until = '-infinity' WHERE waiter_token = $1";
/// One holding of the store.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(super) epoch: i64,
    pub(super) token: String,
    pub(super) trust: Arc<Trust>,
    pub(super) desk: Mutex<Desk>,
    renewal: Renewal,
}

impl Tenure {
    pub(crate) fn is_trusted(&self) -> bool {
        self.trust.holds()
    }

    pub(crate) async fn lost(&self) {
        self.trust.over().await;
    }

    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        // Asked for first: the thread ends when trust does, and looks for an order before.
        let released = self.renewal.ask_release();
        self.trust.end();
        match released {
            Some(released) => released.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }

    pub(super) async fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().await
    }
}

impl PostgresStore {
    pub(crate) async fn holder(&self) -> Result<Option<Owner>, StoreError> {
        self.named_owner(HOLDER).await
    }

    pub(crate) async fn handover_asked(&self) -> Result<Option<Owner>, StoreError> {
        self.named_owner(WAITER).await
    }

    async fn named_owner(&self, select: &'static str) -> Result<Option<Owner>, StoreError> {
        let owner: Option<Option<String>> = steadily!(self, connection => {
            sqlx::query_scalar(select).fetch_optional(connection).await.at(&self.server.place)
        })?;
        Ok(owner.map(|owner| Owner::read(owner.as_deref())))
    }

    pub(crate) async fn acquire(&self, owner: &Owner) -> Result<Lease, StoreError> {
        match self.try_acquire(owner, "").await? {
            Some(lease) => Ok(lease),
            None => self.held().await,
        }
    }

    pub(crate) async fn acquire_when_free(
        &self,
        owner: &Owner,
        patience: Option<Duration>,
    ) -> Result<Lease, StoreError> {
        let waiter = name();
        let end = patience.map(|patience| tokio::time::Instant::now() + patience);
        loop {
            let knocked = self.knock(owner, &waiter).await;
            match knocked {
                Ok(Some(lease)) => return Ok(lease),
                Err(error) if !error.is_passing() => return Err(error),
                knocked if end.is_some_and(|end| tokio::time::Instant::now() >= end) => {
                    knocked?;
                    self.wait_no_more(&waiter).await?;
                    return self.held().await;
                }
                _ => tokio::time::sleep(KNOCK).await,
            }
        }
    }

    /// Of several that wait one is next; the others wait for its place.
    async fn knock(&self, owner: &Owner, waiter: &str) -> Result<Option<Lease>, StoreError> {
        let place = &self.server.place;
        let row = steadily!(self, connection => {
            let query = sqlx::query(LOOK).bind(waiter).bind(PLACE);
            query.fetch_one(connection).await.at(place)
        })?;
        let free: bool = row.try_get(0).at(place)?;
        let (mine, open): (bool, bool) = (row.try_get(1).at(place)?, row.try_get(2).at(place)?);
        if open {
            let owner = json(owner, "owner")?;
            steadily!(self, connection => {
                let query = sqlx::query(WAIT).bind(&owner).bind(waiter).bind(PLACE);
                query.execute(connection).await.at(place)
            })?;
        }
        if free && (mine || open) {
            return self.try_acquire(owner, waiter).await;
        }
        Ok(None)
    }

    async fn wait_no_more(&self, waiter: &str) -> Result<(), StoreError> {
        steadily!(self, connection => {
            sqlx::query(WAIT_NO_MORE).bind(waiter).execute(connection).await.at(&self.server.place)
        })
        .map(drop)
    }

    async fn held<T>(&self) -> Result<T, StoreError> {
        let holder = match self.holder().await? {
            Some(holder) => holder,
            None => self.handover_asked().await?.unwrap_or_else(Owner::nameless),
        };
        Err(StoreError::HeldBy(Box::new(holder)))
    }

    async fn try_acquire(&self, owner: &Owner, waiter: &str) -> Result<Option<Lease>, StoreError> {
        let owner = json(owner, "owner")?;
        let waiter = (!waiter.is_empty()).then(|| waiter.to_owned());
        let taken = renewal::take(&self.server, owner, waiter).await?;
        let tenure = |(taken, renewal): (Taken, Renewal)| Tenure {
            epoch: taken.epoch,
            token: taken.token,
            trust: taken.trust,
            desk: Mutex::new(Desk::new(taken.commits)),
            renewal,
        };
        Ok(taken
            .map(tenure)
            .map(|tenure| Lease::of_tenure(tenure.epoch, tenure)))
    }
}

impl Patience {
    /// As long as a lease may be trusted.
    pub(super) fn of_trust(trust: &Trust) -> Self {
        Self::of(trust.left())
    }
}
