//! How a store in a database was left.

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::setback::Inheritance;

const INHERITANCE: &str = "SELECT doubted, last_host FROM noctule.store";
const SETTLE: &str = "UPDATE noctule.store SET doubted = false, last_host = $2 WHERE epoch = $1";
const DOUBT: &str = "UPDATE noctule.store SET doubted = true WHERE epoch = $1";

impl PostgresStore {
    pub(crate) async fn inheritance(&self) -> Result<Inheritance, StoreError> {
        let (doubted, host) = steadily!(self, connection => {
            let query = sqlx::query_as(INHERITANCE);
            query.fetch_one(connection).await.at(&self.server.place)
        })?;
        Ok(Inheritance { doubted, host })
    }

    pub(crate) async fn settle(&self, lease: &Lease, host: &str) -> Result<(), StoreError> {
        let done = steadily!(self, connection => {
            let update = sqlx::query(SETTLE).bind(lease.epoch()).bind(host);
            update.execute(connection).await.at(&self.server.place)
        })?;
        fenced(lease, done.rows_affected())
    }

    pub(crate) async fn doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        let done = steadily!(self, connection => {
            let update = sqlx::query(DOUBT).bind(lease.epoch());
            update.execute(connection).await.at(&self.server.place)
        })?;
        fenced(lease, done.rows_affected())
    }
}

fn fenced(lease: &Lease, rows: u64) -> Result<(), StoreError> {
    match rows {
        1 => Ok(()),
        _ => Err(StoreError::Fenced(lease.epoch())),
    }
}
