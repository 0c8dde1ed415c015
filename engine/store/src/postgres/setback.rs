//! The mark of a store that was set back.

use super::PostgresStore;
use super::readers::steadily;
use super::said::At;
use crate::error::StoreError;
use crate::lease::Lease;

const IS_DOUBTED: &str = "SELECT doubted FROM noctule.store";
const SETTLE: &str = "UPDATE noctule.store SET doubted = false WHERE epoch = $1";

impl PostgresStore {
    pub(crate) async fn is_doubted(&self) -> Result<bool, StoreError> {
        steadily!(self, connection => {
            let query = sqlx::query_scalar(IS_DOUBTED);
            query.fetch_one(connection).await.at(&self.server.place)
        })
    }

    pub(crate) async fn settle_doubt(&self, lease: &Lease) -> Result<(), StoreError> {
        let done = steadily!(self, connection => {
            let update = sqlx::query(SETTLE).bind(lease.epoch());
            update.execute(connection).await.at(&self.server.place)
        })?;
        match done.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::Fenced(lease.epoch())),
        }
    }
}
