//! Claims: a key begins its work once, and a row is worked on under one key at a time.
//!
//! A claim that was not ended in its time is not live any more: another key may take the row, and what the late one does
//! then changes nothing, since it writes only where its own key stands.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction};

use crate::error::AdvertError;
use crate::fault::{self, Fault};
use crate::step::Step;

/// What a call is for.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) key: String,
    pub(crate) step: Step,
    pub(crate) job: String,
    pub(crate) variant: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The work is to be done now.
    Begun(Option<Fault>),
    /// This key has begun it before.
    Known,
    /// Another key is at work on the row.
    Busy(String),
    /// There is no such row.
    NoSuchRow,
    /// Nothing was begun, and trying again may help.
    NotNow,
}

const KNOWN: &str = "SELECT EXISTS (SELECT FROM claims WHERE attempt_key = $1)";
/// The row, locked: whoever comes second waits and then sees the first one's key.
const LOCK_VARIANT: &str = "SELECT attempt_key, status FROM jobs_variants WHERE job_variants_id = $1::uuid AND job_id = $2::uuid FOR UPDATE";
const LOCK_JOB: &str = "SELECT attempt_key, status FROM jobs WHERE job_id = $1::uuid FOR UPDATE";
const IS_LIVE: &str = "SELECT EXISTS (SELECT FROM claims WHERE attempt_key = $1 AND ending IS NULL AND live_until > clock_timestamp())";
const CLAIM: &str = "INSERT INTO claims (attempt_key, step, job_id, job_variants_id, live_until)
    VALUES ($1, $2, $3::uuid, $4::uuid, clock_timestamp() + $5 * interval '1 millisecond')";
const SHOW_VARIANT: &str = "UPDATE jobs_variants SET status = 'running', current_step = $2, attempt_key = $3, error = NULL, updated_at = now()
    WHERE job_variants_id = $1::uuid";
const SHOW_JOB: &str = "UPDATE jobs SET status = 'running', current_step = $2, attempt_key = $3, error = NULL, updated_at = now()
    WHERE job_id = $1::uuid";
const END_VARIANT: &str =
    "UPDATE jobs_variants SET status = $2, made = $3::jsonb, error = $4, updated_at = now()
    WHERE job_variants_id = $1::uuid AND attempt_key = $5 AND status = 'running'";
const END_JOB: &str =
    "UPDATE jobs SET status = $2, made = $3::jsonb, error = $4, updated_at = now()
    WHERE job_id = $1::uuid AND attempt_key = $5 AND status = 'running'";
const END_CLAIM: &str =
    "UPDATE claims SET ending = $2, ended_at = clock_timestamp() WHERE attempt_key = $1";

impl Call {
    /// Claims the row for this key.
    pub(crate) async fn claim(
        &self,
        pool: &PgPool,
        lease: Duration,
    ) -> Result<Claimed, AdvertError> {
        let mut transaction = pool
            .begin()
            .await
            .map_err(AdvertError::database("beginning a claim"))?;
        let claimed = self.claim_within(&mut transaction, lease).await?;
        transaction
            .commit()
            .await
            .map_err(AdvertError::database("committing a claim"))?;
        Ok(claimed)
    }

    async fn claim_within(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
        lease: Duration,
    ) -> Result<Claimed, AdvertError> {
        let failed = || AdvertError::database("claiming a row");
        let lock = match &self.variant {
            Some(variant) => sqlx::query_as(LOCK_VARIANT).bind(variant).bind(&self.job),
            None => sqlx::query_as(LOCK_JOB).bind(&self.job),
        };
        let row: Option<(Option<String>, String)> = lock
            .fetch_optional(&mut **transaction)
            .await
            .map_err(failed())?;
        let Some((holder, status)) = row else {
            return Ok(Claimed::NoSuchRow);
        };
        // Only under the lock: two calls of one key may come at once.
        let known = sqlx::query_scalar(KNOWN).bind(&self.key);
        if known
            .fetch_one(&mut **transaction)
            .await
            .map_err(failed())?
        {
            return Ok(Claimed::Known);
        }
        if let Some(holder) = holder.filter(|_| status == "running") {
            let live = sqlx::query_scalar(IS_LIVE).bind(&holder);
            if live.fetch_one(&mut **transaction).await.map_err(failed())? {
                return Ok(Claimed::Busy(holder));
            }
        }
        let variant = self.variant.as_deref();
        let fault = fault::take(transaction, self.step.name, variant).await?;
        if fault == Some(Fault::Refuse) {
            return Ok(Claimed::NotNow);
        }
        self.take(transaction, lease).await.map_err(failed())?;
        Ok(Claimed::Begun(fault))
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        lease: Duration,
    ) -> Result<(), sqlx::Error> {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let claim = sqlx::query(CLAIM)
            .bind(&self.key)
            .bind(self.step.name)
            .bind(&self.job)
            .bind(&self.variant)
            .bind(lease);
        claim.execute(&mut *connection).await?;
        let (show, id) = match &self.variant {
            Some(variant) => (SHOW_VARIANT, variant),
            None => (SHOW_JOB, &self.job),
        };
        let shown = sqlx::query(show).bind(id).bind(self.step.name);
        shown.bind(&self.key).execute(connection).await.map(drop)
    }

    /// Writes the end of the work, unless the row has gone to another key meanwhile; what became of it.
    pub(crate) async fn end(
        &self,
        connection: &mut PgConnection,
        status: &'static str,
        output: &serde_json::Value,
        error: Option<&str>,
    ) -> Result<&'static str, sqlx::Error> {
        let mut transaction = connection.begin().await?;
        let (end, id) = match &self.variant {
            Some(variant) => (END_VARIANT, variant),
            None => (END_JOB, &self.job),
        };
        let ended = sqlx::query(end)
            .bind(id)
            .bind(status)
            .bind(output.to_string())
            .bind(error)
            .bind(&self.key)
            .execute(&mut *transaction)
            .await?;
        let ending = if ended.rows_affected() == 1 {
            status
        } else {
            "fenced"
        };
        let claim = sqlx::query(END_CLAIM).bind(&self.key).bind(ending);
        claim.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(ending)
    }
}
